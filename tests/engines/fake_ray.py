"""A stand-in for the module ray: what actors and tasks are asked is noted, and the test answers."""

from __future__ import annotations

import sys
import types
from concurrent.futures import Future


class RayError(Exception):
    pass


class ActorUnavailableError(RayError):
    pass


class Ref:
    """The reference of an answer that the test gives."""

    def __init__(self, what, args=()):
        self.what, self.args, self._future = what, args, Future()

    def future(self):
        return self._future

    def answer(self, value):
        self._future.set_result(value)

    def fail(self, error):
        self._future.set_exception(error)

    def get(self):
        return self._future.result(timeout=0)


class Method:
    def __init__(self, actor, name):
        self._actor, self._name = actor, name

    def remote(self, *args):
        self._actor.asked.append(Ref(self._name, args))
        return self._actor.asked[-1]


class Actor:
    def __init__(self, options):
        self.options, self.asked, self.is_killed = options, [], False

    def __getattr__(self, name):
        return Method(self, name)

    def last(self, what):
        """The last question of this kind."""
        return [ref for ref in self.asked if ref.what == what][-1]


class FakeRay(types.ModuleType):
    """``alive`` has the nodes by id, with what Ray tells about them; ``facts`` what they answer at
    once (without an entry the test answers)."""

    def __init__(self):
        super().__init__("ray")
        self.alive, self.facts = {}, {}
        self.actors, self.tasks, self.stored = [], [], []
        self.is_open = False

    def init(self, **options):
        self.options, self.is_open = options, True

    def is_initialized(self):
        return self.is_open

    def shutdown(self):
        self.is_open = False

    def nodes(self):
        return [{"NodeID": key, "Alive": True, **about} for key, about in self.alive.items()]

    def remote(self, subject):
        fake = self

        class Options:
            def options(self, **options):
                self._options = options
                return self

            def remote(self, *args):
                if isinstance(subject, type):
                    fake.actors.append(Actor(self._options))
                    return fake.actors[-1]
                node = self._options["scheduling_strategy"][0]
                ref = Ref(node, args)
                fake.tasks.append(ref)
                if node in fake.facts:
                    ref.answer(fake.facts[node])
                return ref

        return Options()

    def put(self, value):
        self.stored.append(value)
        return value

    def get(self, ref):
        return ref.get()

    def wait(self, refs, num_returns=1, timeout=None):
        done = [ref for ref in refs if ref.future().done()]
        return done, [ref for ref in refs if ref not in done]

    def kill(self, actor):
        actor.is_killed = True


def install(monkeypatch):
    """Put the stand-in in the place of Ray; return it."""
    fake = FakeRay()
    exceptions, util = types.ModuleType("ray.exceptions"), types.ModuleType("ray.util")
    strategies = types.ModuleType("ray.util.scheduling_strategies")
    exceptions.RayError, exceptions.ActorUnavailableError = RayError, ActorUnavailableError
    strategies.NodeAffinitySchedulingStrategy = lambda node, soft: (node, soft)
    for module in (fake, exceptions, util, strategies):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "pytest_ouro.experiment.engines.on_ray.cluster", raising=False)
    return fake
