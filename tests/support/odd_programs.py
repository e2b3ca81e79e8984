"""Programs that are right and whose tests do more than call a function with plain data and compare what it gives.

name -> program, tests. `FOLLOWED`: they can be judged from another process. `BEYOND`: only beside the program.
"""

FOLLOWED: dict[str, tuple[str, list[str]]] = {
 "missing keys": ("from collections import defaultdict\ndef f(s):\n    d = defaultdict(list)\n    for c in s: d[c].append(1)\n    return d", ["d = f('ab'); assert d['z'] == [] and d['a'] == [1]"]),
 "counter": ("from collections import Counter\ndef f(s): return Counter(s)", ["assert f('aab').most_common(1) == [('a', 2)]", "assert f('aab') - f('a') == {'a': 1, 'b': 1}"]),
 "ordered": ("from collections import OrderedDict\ndef f(): return OrderedDict(a=1, b=2)", ["d = f(); d.move_to_end('a'); assert list(d) == ['b', 'a']"]),
 "bounded deque": ("from collections import deque\ndef f(x): return deque(x, maxlen=2)", ["d = f([1, 2, 3]); d.append(4); assert list(d) == [3, 4]"]),
 "enumeration": ("import enum\nclass C(enum.Enum):\n    R = 1\n    G = 2\ndef f(x): return C(x)", ["assert f(1).name == 'R' and f(1) is f(1) and f(2) != f(1)"]),
 "endless": ("def f(n):\n    for i in range(n): yield i", ["import itertools; assert list(itertools.islice(f(10**9), 2)) == [0, 1]", "assert sum(f(300_000)) == 44999850000"]),
 "own exception": ("class E(ValueError):\n    def __init__(self, c): super().__init__('no'); self.code = c\ndef f(x): raise E(x)", ["try:\n    f(3)\n    assert False\nexcept ValueError as e:\n    assert e.code == 3 and str(e) == 'no'"]),
 "exception's arguments": ("def f(g):\n    try: g()\n    except KeyError as e: return e.args", ["def bad(): raise KeyError('k')\nassert f(bad) == ('k',)"]),
 "key error": ("def f(d): return d['k']", ["try: f({})\nexcept KeyError as e: assert e.args == ('k',) and str(e) == \"'k'\"\nelse: assert False"]),
 "the tests' exception": ("def f(g): g()", ["class My(Exception): pass\ndef g(): raise My('a')\ntry:\n    f(g)\n    assert False\nexcept My as e: assert e.args == ('a',)"]),
 "same object": ("def f(a): return a", ["a = [1]; assert f(a) is a", "a = {}; f(a)['k'] = 1; assert a == {'k': 1}"]),
 "changed and returned": ("def f(a):\n    a.append(1)\n    return len(a)", ["a = []; assert f(a) == 1 and a == [1]"]),
 "changed by name": ("def f(*, a): a.append(1)", ["a = []; f(a=a); assert a == [1]"]),
 "coroutine": ("import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x * 2", ["import asyncio; assert asyncio.run(f(2)) == 4", "import asyncio\nasync def m(): return await asyncio.gather(f(1), f(2))\nassert asyncio.run(m()) == [2, 4]"]),
 "printed": ("def f(x): print(x)", ["import io, contextlib\nb = io.StringIO()\nwith contextlib.redirect_stdout(b): f('hi')\nassert b.getvalue() == 'hi\\n'"]),
 "callback": ("def f(g, x): return g(g(x))", ["assert f(lambda x: x + 1, 0) == 2", "calls = []; f(lambda x: calls.append(x) or x, 1); assert calls == [1, 1]"]),
 "functions of Python": ("from functools import reduce\ndef f(g, l): return reduce(g, l)", ["import operator; assert f(operator.add, [1, 2, 3]) == 6", "assert f(max, [1, 5, 2]) == 5"]),
 "key function": ("def f(a, key): return sorted(a, key=key)", ["assert f([3, 1], lambda x: -x) == [3, 1]"]),
 "composed": ("def f(*fs):\n    def h(x):\n        for g in fs: x = g(x)\n        return x\n    return h", ["assert f(lambda x: x + 1, lambda x: x * 2)(3) == 8", "assert f(str.upper, len)('ab') == 2"]),
 "decorator": ("import functools\ndef f(g):\n    @functools.wraps(g)\n    def h(*a): return g(*a) + 1\n    return h", ["@f\ndef g(x): return x\nassert g(1) == 2"]),
 "returned function": ("def f(g): return g", ["g = lambda x: x\nassert f(g) is g"]),
 "callback on own objects": ("class A:\n    def __init__(s, v): s.v = v\ndef f(l, k): return sorted([A(x) for x in l], key=k)", ["r = f([3, 1], lambda a: a.v); assert [x.v for x in r] == [1, 3]"]),
 "tree of the tests": ("def f(r):\n    if r: r.left, r.right = f(r.right), f(r.left)\n    return r", ["class T:\n    def __init__(self, v, l=None, r=None): self.v = v; self.left = l; self.right = r\nr = T(1, T(2), T(3))\nt = f(r)\nassert t is r and t.left.v == 3 and t.v == 1"]),
 "list of the tests": ("def f(h):\n    p = None\n    while h:\n        h.next, p, h = p, h, h.next\n    return p", ["class N:\n    def __init__(self, v, n=None): self.v = v; self.next = n\nh = f(N(1, N(2, N(3))))\nassert (h.v, h.next.v, h.next.next.v, h.next.next.next) == (3, 2, 1, None)"]),
 "deep": ("def f(n):\n    x = []\n    for _ in range(n): x = [x]\n    return x", ["x = f(900)\nn = 0\nwhile x: x = x[0]; n += 1\nassert n == 900"]),
 "holds itself": ("def f():\n    a = [1]\n    a.append(a)\n    return a", ["a = f(); assert a[1] is a and a[0] == 1"]),
 "slices": ("class S:\n    def __init__(self): self.a = [1, 2, 3]\n    def __getitem__(self, i): return self.a[i]\n    def __hash__(self): return 1\n    def __eq__(self, o): return True", ["s = S(); assert s[-1:] == [3] and s[0] == 1", "assert len({S(), S()}) == 1"]),
 "ellipsis": ("def f(): return ...", ["assert f() is ..."]),
}  # fmt: skip

BEYOND: dict[str, tuple[str, list[str]]] = {
 "mocked": ("import os\ndef f(): return os.getcwd()", ["from unittest.mock import patch\nwith patch('os.getcwd', return_value='/x'): assert f() == '/x'"]),
 "asked": ("def f(): return int(input()) + 1", ["from unittest.mock import patch\nwith patch('builtins.input', return_value='3'): assert f() == 4"]),
 "seeded": ("import random\ndef f(): return random.randint(0, 10**9)", ["import random\nrandom.seed(5); a = f(); b = f(); random.seed(5); assert f() == a != b"]),
 "file read": ("def f(p):\n    with open(p) as h: return h.read()", ["open('t.txt', 'w').write('hey'); assert f('t.txt') == 'hey'"]),
 "file written": ("def f(p, t):\n    with open(p, 'w') as h: h.write(t)", ["f('o.txt', 'hey'); assert open('o.txt').read() == 'hey'"]),
 "warning": ("import warnings\ndef f(): warnings.warn('x', DeprecationWarning); return 1", ["import warnings\nwith warnings.catch_warnings(record=True) as w:\n    warnings.simplefilter('always'); assert f() == 1 and len(w) == 1"]),
 "subclass": ("class Base:\n    def hi(self): return 'base ' + self.name()\n    def name(self): return 'b'", ["class D(Base):\n    def name(self): return 'd'\nassert D().hi() == 'base d'"]),
 "name": ("f = lambda x: x", ["assert f.__name__ == '<lambda>' and f(1) == 1"]),
 "cause": ("def f():\n    try: 1 / 0\n    except ZeroDivisionError as e: raise ValueError('x') from e", ["try: f()\nexcept ValueError as e: assert isinstance(e.__cause__, ZeroDivisionError)\nelse: assert False"]),
 "exit": ("import sys\ndef f(): sys.exit(2)", ["try:\n    f()\n    assert 0\nexcept SystemExit as e: assert e.code == 2"]),
 "shared rows": ("def f():\n    b = [0]\n    return [b, b]", ["r = f(); r[0].append(1); assert r[1] == [0, 1]"]),
 "row changed": ("def f(a): a[0].append(2)", ["r = [1]; a = [r]; f(a); assert r == [1, 2]"]),
 "unittest": ("import os\ndef f(): return os.environ.get('TTSCALE_ODD')", ["import unittest, os\nfrom unittest.mock import patch\nclass T(unittest.TestCase):\n    @patch.dict(os.environ, {'TTSCALE_ODD': 'y'})\n    def test(self): self.assertEqual(f(), 'y')\nassert T('test').run().wasSuccessful()"]),
}  # fmt: skip
