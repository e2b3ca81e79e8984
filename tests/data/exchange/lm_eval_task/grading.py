"""Grades every repeat of a problem instead of one picked among them."""


def each_repeat(doc, results):
    return {"right": [float(answer == doc["answer"]) for answer in results[0]]}


def mean_of_means(values):
    return sum(sum(value) / len(value) for value in values) / len(values)
