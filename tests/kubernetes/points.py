# SPDX-License-Identifier: BSD-3-Clause
"""Points of a TAP test: what there is beside what is wanted."""


class Points:
    def __init__(self):
        self.n = self.failed = 0

    def __call__(self, name, have, want):
        self.n += 1
        self.failed += have != want
        print(f"{'ok' if have == want else 'not ok'} {self.n} - {name}")
        if have != want:
            print(f"# {have!r}\n# not {want!r}")

    def end(self):
        """The plan. @return whether any point failed"""
        print(f"1..{self.n}")
        return self.failed > 0
