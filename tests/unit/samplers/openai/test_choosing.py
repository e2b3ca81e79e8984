"""Which server a request goes to: home, unless another is much less busy."""

from collections import Counter

from ttscale.samplers.openai.servers import Server, choose

PROBLEMS = [f"p{i}" for i in range(300)]


def servers(n: int) -> list[Server]:
    return [Server(f"http://127.0.0.1:{8000 + i}/v1", 1024, lambda: 0.0) for i in range(n)]


def homes(among: list[Server]) -> dict[str, str]:
    found = {problem: choose(among, 1, problem) for problem in PROBLEMS}
    return {problem: server.url for problem, server in found.items() if server is not None}


def test_a_problem_always_goes_to_the_same_server_and_problems_are_spread() -> None:
    three = servers(3)
    assert homes(three) == homes(three[::-1])
    assert min(Counter(homes(three).values()).values()) > len(PROBLEMS) / 6


def test_when_a_server_goes_only_its_problems_move() -> None:
    three = servers(3)
    before, after = homes(three), homes(three[:2])
    moved = {problem for problem in PROBLEMS if before[problem] != after[problem]}
    assert moved == {problem for problem in PROBLEMS if before[problem] == three[2].url}


def test_a_much_less_busy_server_helps_out_and_a_full_one_gets_nothing() -> None:
    two = servers(2)
    home = choose(two, 1, "p0")
    assert home is not None
    (other,) = (server for server in two if server is not home)
    limit = home.limit.value
    home.sent(limit // 4)
    assert choose(two, 1, "p0") is home
    home.sent(limit // 4)
    assert choose(two, 1, "p0") is other
    other.sent(limit)
    home.sent(limit)
    assert choose(two, 1, "p0") is None
