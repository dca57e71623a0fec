"""What a version pays attention to, as figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mlvajra_al.records import GlobalExplanation
from mlvajra_al.web.charts import explanations, look
from mlvajra_al.web.views.names import Labels, display
from mlvajra_al.web.widgets import plain, plural

SHOWN = 15


def feature_importance(explanation: GlobalExplanation, label: str) -> None:
    """Draw the importance of features and the beeswarm of one label."""
    features = explanation.importances[label][:SHOWN]
    if not features:
        st.caption("No feature has a weight.")
        return
    with st.grid(2, min_column_width=380):
        with st.container(border=True, height="stretch"):
            st.markdown("**How much each feature matters**")
            look.show(
                explanations.importance(features), key="importance", alt="Mean absolute weights"
            )
        with st.container(border=True, height="stretch"):
            st.markdown("**How it matters** :gray[a dot per sample]")
            look.show(explanations.beeswarm(features), key="beeswarm", alt="Beeswarm of weights")
    with st.expander(f"{plural(len(explanation.importances[label]), 'feature')} as a table"):
        st.dataframe(
            pd.DataFrame(
                {
                    "Feature": [item.feature for item in explanation.importances[label]],
                    "Mean absolute weight": [
                        item.importance for item in explanation.importances[label]
                    ],
                }
            ),
            hide_index=True,
            alt="Mean absolute weight of each feature",
        )


def image_importance(explanation: GlobalExplanation, labels: Labels) -> None:
    """Draw which pixels matter for each label."""
    st.caption(
        f"How much each pixel matters for each label: its mean absolute weight over "
        f"{plural(explanation.n, 'sample')} of the pool."
    )
    with st.grid("auto", min_column_width=170):
        for place, (name, weights) in enumerate(explanation.image.items()):
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                st.markdown(f"**{plain(display(labels, name))}**")
                look.show(
                    explanations.heat_map(weights, size=150),
                    key=f"heat:{place}",
                    alt="Mean weights",
                )
