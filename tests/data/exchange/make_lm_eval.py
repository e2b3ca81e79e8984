"""Write lm_eval/ with lm-evaluation-harness itself; see README.md."""

from collections import Counter

from guessing import guess
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager


class Guessing(LM):
    def generate_until(self, requests, disable_tqdm=False):
        asked = Counter()
        texts = []
        for request in requests:
            prompt = request.args[0]
            texts.append(guess(prompt, asked[prompt]))
            asked[prompt] += 1
        return texts

    def loglikelihood(self, requests, disable_tqdm=False):
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


tracker = EvaluationTracker(output_path="lm_eval")
tracker.general_config_tracker.log_experiment_args(
    model_source="local",
    model_args="pretrained=toy/guessing",
    system_instruction=None,
    chat_template=None,
    fewshot_as_multiturn=False,
)
results = simple_evaluate(
    model=Guessing(),
    tasks=["sums_once", "sums_voted", "sums_each"],
    task_manager=TaskManager(include_path="lm_eval_task", include_defaults=False),
    log_samples=True,
    bootstrap_iters=0,
)
samples = results.pop("samples")
tracker.save_results_aggregated(results=results, samples=samples)
for task, rows in samples.items():
    tracker.save_results_samples(task_name=task, samples=rows)
