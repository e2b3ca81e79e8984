"""Write inspect/ with inspect_ai itself, as .eval and as JSON; see README.md."""

from guessing import guess
from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match, pattern
from inspect_ai.solver import generate

asked = {}


def answer(input, tools, tool_choice, config):
    prompt = input[-1].text
    repeat = asked[prompt] = asked.get(prompt, -1) + 1
    text = guess(prompt, repeat)
    output = ModelOutput.from_content(
        "mockllm/guessing", text, stop_reason="max_tokens" if "rather" in text else "stop"
    )
    output.usage = ModelUsage(input_tokens=len(prompt.split()), output_tokens=len(text.split()))
    return output


for log_format in ("eval", "json"):
    asked.clear()
    task = Task(
        name="sums",
        dataset=json_dataset("sums.jsonl", FieldSpec(input="question", target="answer", id="id")),
        solver=generate(),
        scorer=[match(numeric=True), pattern(r"answer is (\d+)")],
        epochs=Epochs(4, ["mean", "pass_at_2"]),
        config=GenerateConfig(temperature=0.8, max_tokens=64),
    )
    logs = eval(
        task,
        model=get_model("mockllm/guessing", custom_outputs=answer),
        log_dir="inspect",
        log_format=log_format,
        display="none",
        max_samples=1,
        limit=3,
    )
    print(logs[0].location, logs[0].status)
