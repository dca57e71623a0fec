"""What a version pays attention to, as figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from mlvajra_al.records import FeatureImportance, GlobalExplanation, Project, Scale
from mlvajra_al.web.charts import explanations, look
from mlvajra_al.web.views.names import by_name, display, in_order
from mlvajra_al.web.widgets import plain, plural

SHOWN = 15
NEAR = 1e-6
"""Weights that are added up in another order differ by less."""
UNITS: dict[Scale, str] = {
    "log-odds": "log-odds",
    "one-vs-rest log-odds": "log-odds against all other labels",
    "score": "score",
    "probability": "probability",
}
MEANT: dict[Scale, str] = {
    "log-odds": "Weights are log-odds: they add up to that of the label.",
    "one-vs-rest log-odds": "Weights are log-odds of the label against all others.",
    "score": "Weights are scores: the softmax of the scores of all labels is their probability.",
    "probability": "Weights are probabilities: they add up to that of the label.",
}


def feature_importance(explanation: GlobalExplanation, label: str) -> None:
    """Draw the importance of columns, then of features, and the beeswarm of one label.

    Where every column is one feature, they are drawn once.
    """
    features = explanation.importances[label][:SHOWN]
    if not features:
        st.caption("No feature has a weight.")
        return
    unit = UNITS[explanation.scale] if explanation.scale else ""
    columns = explanation.columns.get(label, ())[:SHOWN]
    alike = len(columns) == len(features) and all(
        name == item.feature and math.isclose(weight, item.importance, rel_tol=NEAR)
        for (name, weight), item in zip(columns, features, strict=True)
    )
    if len(columns) > 1 and not alike:
        column_importance(columns, unit)
    with st.grid(2, min_column_width=380):
        with st.container(border=True, height="stretch"):
            st.markdown(f"**How much each {'column' if alike else 'feature'} matters**")
            look.show(
                explanations.importance(
                    [(item.feature, item.importance) for item in features], unit=unit
                ),
                key="importance",
                alt="Mean absolute weights",
            )
        with st.container(border=True, height="stretch"):
            st.markdown("**How it matters** :gray[a dot per sample]")
            look.show(
                explanations.beeswarm(features, unit=unit),
                key="beeswarm",
                alt="Beeswarm of weights",
            )
    features_table(explanation.importances[label], unit)


def features_table(features: Sequence[FeatureImportance], unit: str) -> None:
    """Draw all features and their weights as a table, folded up."""
    with st.expander(f"{plural(len(features), 'feature')} as a table"):
        weight = explanations.in_units("Mean absolute weight", unit)
        st.dataframe(
            pd.DataFrame(
                {
                    "Feature": [item.feature for item in features],
                    weight: [item.importance for item in features],
                }
            ),
            hide_index=True,
            alt="Mean absolute weight of each feature",
        )


def column_importance(columns: Sequence[tuple[str, float]], unit: str) -> None:
    """Draw how much whole columns matter."""
    with st.container(border=True):
        st.markdown("**How much each column matters** :gray[what all its features add together]")
        look.show(
            explanations.importance(columns, unit=unit),
            key="columns",
            alt="Mean absolute weights of columns",
        )


def image_importance(explanation: GlobalExplanation, project: Project) -> None:
    """Draw which pixels matter for each label."""
    unit = f" ({UNITS[explanation.scale]})" if explanation.scale else ""
    st.caption(
        f"How much each pixel matters for each label: its mean absolute weight{unit} over "
        f"{plural(explanation.n, 'sample')} of the pool. All have one scale, so that they can be "
        "compared."
    )
    largest = max(
        (weight for rows in explanation.image.values() for row in rows for weight in row), default=0
    )
    with st.grid("auto", min_column_width=170):
        for place, name in enumerate(in_order(project, explanation.image)):
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                st.markdown(f"**{plain(display(by_name(project), name))}**")
                look.show(
                    explanations.heat_map(explanation.image[name], largest=largest, size=150),
                    key=f"heat:{place}",
                    alt="Mean weights",
                )
    look.show(
        explanations.shades(largest, unit=UNITS[explanation.scale] if explanation.scale else ""),
        key="shades",
        alt="Colours of the weights",
    )
