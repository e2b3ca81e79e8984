"""Plugins by name: a literal table of built-ins, entry points, and import paths, all looked up lazily.

Three spellings work everywhere (YAML, command line, Python): a built-in name, an entry-point name
(group ``ttscale.<kind>``), and an import path ``my_module:MyClass``. Nothing registers itself by being
imported, and nothing is imported before it is used.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from ttscale.errors import BrokenPluginError, ConfigError, UnknownPluginError, did_you_mean, listed

BUILT_IN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "tasks": {
            "aime": "ttscale.tasks.competition_math:AimeTask",
            "amc": "ttscale.tasks.competition_math:AmcTask",
            "arithmetic": "ttscale.tasks.arithmetic:ArithmeticTask",
            "code-contests": "ttscale.tasks.code_contests:CodeContestsTask",
            "gpqa": "ttscale.tasks.gpqa:GpqaTask",
            "gsm8k": "ttscale.tasks.gsm8k:Gsm8kTask",
            "humaneval": "ttscale.tasks.humaneval:HumanEvalTask",
            "livecodebench": "ttscale.tasks.livecodebench:LiveCodeBenchTask",
            "math": "ttscale.tasks.competition_math:MathTask",
            "math-500": "ttscale.tasks.competition_math:Math500Task",
            "mbpp": "ttscale.tasks.mbpp:MbppTask",
            "minif2f-lean": "ttscale.tasks.minif2f:MiniF2FLeanTask",
            "minif2f-rocq": "ttscale.tasks.minif2f:MiniF2FRocqTask",
            "mmlu-pro": "ttscale.tasks.mmlu_pro:MmluProTask",
            "reasoning-gym:NAME": "ttscale.tasks.reasoning_gym:ReasoningGymTask",
            "imported": "ttscale.exchange.imported:Imported",
            "table": "ttscale.tasks.table:TableTask",
        },
        "samplers": {
            "vllm": "ttscale.samplers.vllm:VllmSampler",
            "transformers": "ttscale.samplers.transformers:TransformersSampler",
            "openai": "ttscale.samplers.openai:OpenAISampler",
            "replay": "ttscale.samplers.replay:ReplaySampler",
            "imported": "ttscale.exchange.imported:Imported",
        },
        "strategies": {
            "independent": "ttscale.strategies.independent:Independent",
            "first-accepted": "ttscale.strategies.first_accepted:FirstAccepted",
            "budget-forcing": "ttscale.strategies.budget_forcing:BudgetForcing",
            "refine": "ttscale.strategies.refine:Refine",
            "rsa": "ttscale.strategies.rsa:RecursiveSelfAggregation",
            "particles": "ttscale.strategies.particles:ParticleFilter",
            "beam": "ttscale.strategies.beam:BeamSearch",
            "dvts": "ttscale.strategies.beam:DiverseTreeSearch",
            "power": "ttscale.strategies.power:PowerSampling",
            "adaptive-vote": "ttscale.strategies.adaptive_vote:AdaptiveVote",
            "cascade": "ttscale.strategies.cascade:Cascade",
            "plan-search": "ttscale.strategies.plan_search:PlanSearch",
        },
        "verifiers": {
            "exact": "ttscale.verifiers.exact:ExactVerifier",
            "numeric": "ttscale.verifiers.numeric:NumericVerifier",
            "choice": "ttscale.verifiers.choice:ChoiceVerifier",
            "regex": "ttscale.verifiers.regex:RegexVerifier",
            "regex-form": "ttscale.verifiers.regex:FormVerifier",
            "math": "ttscale.verifiers.math:MathVerifier",
            "confidence": "ttscale.verifiers.confidence:ConfidenceVerifier",
            "code": "ttscale.verifiers.code:CodeVerifier",
            "command": "ttscale.verifiers.command:CommandVerifier",
            "command-oracle": "ttscale.verifiers.command:CommandOracle",
            "visible-tests": "ttscale.verifiers.visible_tests:VisibleTestsVerifier",
            "generated-tests": "ttscale.verifiers.generated_tests:GeneratedTestsVerifier",
            "judge": "ttscale.verifiers.judge:JudgeVerifier",
            "judge-pairs": "ttscale.verifiers.judge:JudgePairsVerifier",
            "judge-oracle": "ttscale.verifiers.judge:JudgeOracle",
            "lean": "ttscale.verifiers.proof.lean:LeanVerifier",
            "reasoning-gym": "ttscale.verifiers.reasoning_gym:ReasoningGymVerifier",
            "reward-model": "ttscale.verifiers.reward_model:RewardModelVerifier",
            "rocq": "ttscale.verifiers.proof.rocq:RocqVerifier",
            "last-digit": "ttscale.verifiers.arithmetic:LastDigitVerifier",
            "casting-out-nines": "ttscale.verifiers.arithmetic:CastingOutNinesVerifier",
        },
        "selectors": {
            "coverage": "ttscale.stats.selectors.contract:AnyCorrect",
            "majority": "ttscale.stats.selectors.voting:MajorityVote",
            "weighted": "ttscale.stats.selectors.voting:WeightedVote",
            "best": "ttscale.stats.selectors.selection:BestOfK",
            "first": "ttscale.stats.selectors.accepting:FirstAccepted",
            "ensemble": "ttscale.stats.selectors.ensemble:Ensemble",
        },
        "laws": {
            "beta-binomial": "ttscale.stats.laws.beta:BetaBinomial",
            "beta-mixture": "ttscale.stats.laws.beta:BetaMixture",
            "exponentiated-power-law": "ttscale.stats.laws.power:ExponentiatedPowerLaw",
            "generalized-beta": "ttscale.stats.laws.beta:GeneralizedBeta",
            "kumaraswamy": "ttscale.stats.laws.beta:Kumaraswamy",
            "log-log": "ttscale.stats.laws.power:LogLog",
            "log-normal": "ttscale.stats.laws.normal:LogNormal",
            "logit-normal": "ttscale.stats.laws.normal:LogitNormal",
            "npmle": "ttscale.stats.laws.npmle:NonParametric",
            "power-law-plus-constant": "ttscale.stats.laws.power:PowerLawPlusConstant",
            "saturation": "ttscale.stats.laws.power:Saturation",
            "scaled-beta": "ttscale.stats.laws.beta:ScaledBeta",
            "zero-inflated-beta": "ttscale.stats.laws.beta:ZeroInflatedBeta",
            "zero-inflated-generalized-beta": "ttscale.stats.laws.beta:ZeroInflatedGeneralizedBeta",
            "zero-inflated-log-normal": "ttscale.stats.laws.normal:ZeroInflatedLogNormal",
        },
        "costs": {
            "samples": "ttscale.costs.counted:SampleCost",
            "tokens": "ttscale.costs.counted:TokenCost",
            "flops": "ttscale.costs.compute:FlopsCost",
            "eflops": "ttscale.costs.compute:EflopsCost",
            "money": "ttscale.costs.money:MoneyCost",
            "seconds": "ttscale.costs.counted:SecondsCost",
            "joules": "ttscale.costs.counted:JoulesCost",
        },
        "importers": {
            "lm-eval": "ttscale.exchange.formats.lm_eval:LmEvalImporter",
            "inspect": "ttscale.exchange.formats.inspect_ai:InspectImporter",
            "human-eval": "ttscale.exchange.formats.human_eval:HumanEvalImporter",
            "bigcode": "ttscale.exchange.formats.bigcode:BigcodeImporter",
            "livecodebench": "ttscale.exchange.formats.livecodebench:LiveCodeBenchImporter",
            "nemo-skills": "ttscale.exchange.formats.nemo_skills:NemoSkillsImporter",
            "monkeys": "ttscale.exchange.formats.monkeys:MonkeysImporter",
            "verifiers": "ttscale.exchange.formats.verifiers:VerifiersImporter",
            "swe-bench": "ttscale.exchange.formats.swe_bench:SweBenchImporter",
            "ttscale": "ttscale.exchange.formats.own_dataset:OwnDatasetImporter",
            "table": "ttscale.exchange.formats.table:TableImporter",
        },
    }
)
"""kind -> name -> "module:attribute", in the order of tables. The only place where a built-in plugin is announced."""

FAMILIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"tasks": {"reasoning-gym": "ttscale.tasks.reasoning_gym"}}
)
"""kind -> prefix -> the module with an attribute for every member, as in ``reasoning-gym:chain_sum``."""

_DERIVED = "so it has no verdicts of its own to store. Leave it out of the verifiers; `ttscale compare RUN --verifiers {name},...` computes it from those that are stored."

ELSEWHERE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "verifiers": {
            "vote": f"depends on all samples of a problem, {_DERIVED}",
            "ensemble": f"is learnt from the oracle's verdicts, {_DERIVED}",
        }
    }
)
"""kind -> name -> why it is no plugin of that kind, and where it is found."""

KIND_OF = MappingProxyType(
    {
        "tasks": "task",
        "samplers": "sampler",
        "strategies": "strategy",
        "verifiers": "verifier",
        "selectors": "selector",
        "laws": "law",
        "costs": "cost model",
        "importers": "importer",
    }
)
"""Plural (folder, entry-point group) -> singular (messages)."""


@dataclass(frozen=True, slots=True)
class PluginRef:
    """Where a plugin lives, before anything of it is imported."""

    kind: str
    name: str
    target: str
    origin: str
    """"built-in", "import path" or the distribution that brings the entry point."""

    def load(self, *, call_classes: bool = False) -> Any:
        """Import the plugin; a class that needs no options may be called at once.

        Raises:
            BrokenPluginError: The module cannot be imported or has no such attribute, or the class cannot be called.
        """
        module_name, _, attribute = self.target.partition(":")
        try:
            loaded: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                loaded = getattr(loaded, part)
            return loaded() if call_classes and isinstance(loaded, type) else loaded
        except Exception as error:  # a plugin's import may raise anything
            kind = KIND_OF.get(self.kind, self.kind)
            raise BrokenPluginError(
                f"{kind.capitalize()} '{self.name}' ({self.origin}, {self.target}) cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error


@cache
def _claims(kind: str) -> Mapping[str, tuple[PluginRef, ...]]:
    """Return what each name of a kind stands for: one plugin, unless installed packages collide."""
    found: dict[str, tuple[PluginRef, ...]] = {
        name: (PluginRef(kind, name, target, "built-in"),) for name, target in BUILT_IN.get(kind, {}).items()
    }
    for point in entry_points(group=f"ttscale.{kind}"):
        origin = point.dist.name if point.dist else "unknown distribution"
        others = tuple(one for one in found.get(point.name, ()) if one.target != point.value)
        found[point.name] = (*others, PluginRef(kind, point.name, point.value, origin))
    return MappingProxyType(found)


def _only(claims: tuple[PluginRef, ...]) -> PluginRef:
    if len(claims) > 1:
        first, second, *_ = claims
        raise BrokenPluginError(
            f"Two {first.kind} are named '{first.name}': {first.target} ({first.origin}) and "
            f"{second.target} ({second.origin}). Uninstall one, or use its import path."
        )
    return claims[0]


def plugins(kind: str) -> Mapping[str, PluginRef]:
    """Return every plugin of a kind by name: built-ins and installed entry points.

    Raises:
        BrokenPluginError: Two plugins claim one name.
    """
    return {name: _only(claims) for name, claims in _claims(kind).items()}


def find_plugin(kind: str, name: str) -> PluginRef:
    """Look a plugin up by built-in name, entry-point name or import path, importing nothing.

    >>> find_plugin("verifiers", "exact").target
    'ttscale.verifiers.exact:ExactVerifier'

    Raises:
        UnknownPluginError: No such name.
        BrokenPluginError: Two plugins claim the name; others stay in use.
        ConfigError: It is the name of something that is computed elsewhere.
    """
    prefix, colon, member = name.partition(":")
    if colon and prefix in FAMILIES.get(kind, {}):
        return PluginRef(kind, name, f"{FAMILIES[kind][prefix]}:{member}", "built-in")
    if colon:
        return PluginRef(kind, name, name, "import path")
    known = _claims(kind)
    if name not in known and name in ELSEWHERE.get(kind, {}):
        raise ConfigError(f"'{name}' {ELSEWHERE[kind][name].format(name=name)}")
    if name not in known:
        singular = KIND_OF.get(kind, kind)
        raise UnknownPluginError(
            f"Unknown {singular} '{name}'.{did_you_mean(name, known)} Known: {listed(known)}. "
            f"To use your own, give 'my_module:MyClass'."
        )
    return _only(known[name])


def load_plugin(kind: str, name: str) -> Any:
    """Find and import a plugin; see `find_plugin` and `PluginRef.load`."""
    return find_plugin(kind, name).load()
