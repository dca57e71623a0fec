"""The demo projects: what is asked, of which data, and what an annotator is told about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from mlvajra_al.records import Column, Label, Policy, Project, Recipe
from mlvajra_al.services.projects import draft

BLUE, ORANGE = "#2563eb", "#d97706"
KEY, GOLD = "id", "label"


@dataclass(frozen=True, slots=True)
class Demo:
    """A project that can be made on any machine."""

    name: str
    labels: tuple[Label, ...]
    recipe: Recipe
    policy: Policy
    guidelines: str
    seed: int
    key: str | None = KEY
    title: str | None = None

    def project(self, now: datetime) -> Project:
        """Return the project, not stored yet."""
        drafted = draft(self.name, labels=self.labels, recipe=self.recipe, now=now, seed=self.seed)
        return replace(
            drafted,
            policy=self.policy,
            key_column=self.key,
            gold_column=GOLD,
            title_column=self.title,
            guidelines=self.guidelines,
        )


SPAM_GUIDELINES = """\
Is this e-mail one that its reader asked for, or could have expected?

**Ham** is everything written to the reader or to a group the reader belongs to:

- letters between people, mailing lists, replies, jokes sent on by friends
- newsletters and alerts that one signs up for, even when they advertise

**Spam** is sent to strangers in bulk, to sell or to deceive:

- offers from nowhere: loans, pills, degrees, "business opportunities", lotteries
- messages that pretend to know you, or hide who sends them

When in doubt:

1. Ask how the sender got the address. No relation, and something to sell: *spam*.
2. A mailing list that *quotes* or discusses spam is still *ham*.
3. An e-mail in a language you cannot read: skip it (`s`).
4. Text too damaged to judge, or something that should not be here: flag it (`f`), say why.

The e-mails are real and from 2002 to 2005; HTML was removed and long ones were cut.
"""

TUMOUR_GUIDELINES = """\
Thirty measurements of the cell nuclei in a fine needle aspirate of a breast mass. Is the mass
**malignant** or **benign**?

Each measurement is given three times: its *mean* over the nuclei of the image, its *error*
(standard error of that mean) and its *worst* (mean of the three largest nuclei). The small bar
behind a value shows where it lies among all samples: far right is larger than nearly all others.

What tends to speak for **malignant**:

- large nuclei: *radius*, *perimeter* and *area* to the right, above all the *worst* ones
- an irregular outline: high *concavity* and *concave points*
- uneven nuclei: large *error* of area and radius

What tends to speak for **benign**: small, smooth and even nuclei, most bars to the left.

One value alone rarely decides. Look at *worst area*, *worst concave points* and *worst texture*
first, then at the rest. If the picture is contradictory, skip (`s`) rather than guess; flag (`f`)
measurements that cannot be right.

*A demonstration on public data (Wisconsin diagnostic set, 1995): not for medical use.*
"""

DIGIT_GUIDELINES = """\
Which digit was written here?

The images are scans of handwriting reduced to 8 x 8 squares; the more ink, the brighter. Squint, or
move back a little: the shape is easier to see from further away.

Digits that are often confused:

- **1 and 7**: a 7 has a long bar on top, often a second one through the stem
- **3, 5 and 8**: look at the left side: open twice is 3, open at the bottom is 5, closed is 8
- **4 and 9**: a 9 is closed at the top
- **6 and 0**: a 6 has a loop only in the lower half

Label what the writer meant, not what it would look like cleaned up. Skip (`s`) what two people
could honestly disagree about; flag (`f`) what is no digit.
"""

MEASURED = (
    ("radius", "texture", "perimeter", "area", "smoothness")
    + ("compactness", "concavity", "concave points", "symmetry", "fractal dimension")
)  # fmt: skip
TUMOUR_COLUMNS = (
    *(f"mean {name}" for name in MEASURED),
    *(f"{name} error" for name in MEASURED),
    *(f"worst {name}" for name in MEASURED),
)
DIGIT_COLORS = (
    ("#64748b", "#2563eb", "#d97706", "#059669", "#db2777")
    + ("#7c3aed", "#0891b2", "#dc2626", "#65a30d", "#905800")
)  # fmt: skip

SPAM = Demo(
    name="spam",
    labels=(
        Label("ham", "Ham", "1", BLUE, "Asked for, expected, or from one person to another."),
        Label("spam", "Spam", "2", ORANGE, "Sent to strangers in bulk, to sell or to deceive."),
    ),
    recipe=Recipe((Column("subject", "text"), Column("body", "text"))),
    policy=Policy(),
    guidelines=SPAM_GUIDELINES,
    seed=2002,
    key=None,  # its ids tell the answer: easy-ham-1-00001
    title="subject",
)
TUMOURS = Demo(
    name="tumours",
    labels=(
        Label("benign", "Benign", "1", BLUE, "Nuclei mostly small, smooth and alike."),
        Label("malignant", "Malignant", "2", ORANGE, "Nuclei large, irregular or very uneven."),
    ),
    recipe=Recipe(tuple(Column(name, "numeric") for name in TUMOUR_COLUMNS)),
    policy=Policy(retrain_every=10),
    guidelines=TUMOUR_GUIDELINES,
    seed=1995,
)
DIGITS = Demo(
    name="digits",
    labels=tuple(
        Label(str(digit), str(digit), str(digit), color, f"The writer meant a {digit}.")
        for digit, color in enumerate(DIGIT_COLORS)
    ),
    recipe=Recipe((Column("pixels", "image"),)),
    policy=Policy(),
    guidelines=DIGIT_GUIDELINES,
    seed=1998,
)
DEMOS: dict[str, Demo] = {demo.name: demo for demo in (SPAM, TUMOURS, DIGITS)}
