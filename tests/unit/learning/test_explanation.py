"""Explanations add up, name what they mean, and point at words and pixels."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import sparse

from mlvajra_al.errors import Invalid, NotAdditive
from mlvajra_al.learning import explanation
from mlvajra_al.learning.attributions import explain_globally, explain_samples
from mlvajra_al.learning.explanation import contributions, mean_features
from mlvajra_al.learning.frames import to_frame
from mlvajra_al.learning.multilabel import train_each
from mlvajra_al.learning.overlays import highlight, pixels
from mlvajra_al.learning.pipeline import build_preprocessing, transform
from mlvajra_al.learning.training import train
from mlvajra_al.learning.wording import feature_names, units
from mlvajra_al.records import Column, EstimatorName, Recipe

LINEAR: list[EstimatorName] = ["logistic_regression", "sgd", "complement_nb"]
TREES: list[EstimatorName] = ["random_forest", "hist_gradient_boosting"]
NAMES = tuple(f"x{i}" for i in range(6))


def dense(labels: int = 2, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.random((n, 6)).astype(np.float32)
    return X, np.array(["a", "b", "c"])[:labels][np.argmax(X[:, :labels], axis=1)]


def sparse_pool(labels: int = 2) -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(2)
    X = sparse.random(80, 6, density=0.4, format="csr", dtype=np.float32, rng=rng)
    full = X.toarray()
    return X, np.array(["a", "b", "c"])[:labels][np.argmax(full[:, :labels], axis=1)]


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("estimator", LINEAR + TREES)
def test_attributions_add_up_to_the_output(estimator: EstimatorName, labels: int) -> None:
    X, y = dense(labels)
    model = train(estimator, X, y, seed=0).model
    explained = explain_samples(model, X[:5], NAMES, mean=mean_features(X), shown=2)
    assert len(explained) == 5
    for row, attributions in enumerate(explained):
        assert len(attributions) == (1 if labels == 2 else labels)
        for one in attributions:
            assert one.base + sum(one.values) + one.other == pytest.approx(one.output, abs=1e-6)
            assert len(one.features) == len(one.values) == len(one.data) <= 2
        assert [a.label for a in attributions] == (["b"] if labels == 2 else ["a", "b", "c"])
        if estimator == "random_forest":
            assert attributions[-1].scale == "probability"
            expected = model.predict_proba(X[row : row + 1])[0, -1]
            assert attributions[-1].output == pytest.approx(expected)


def probability_of(outputs: np.ndarray, scale: str) -> np.ndarray:
    """Return what outputs on a scale say a probability is."""
    if scale == "probability":
        return outputs
    alone = 1 / (1 + np.exp(-outputs))
    if scale == "log-odds":
        return alone
    chances = alone if scale == "one-vs-rest log-odds" else np.exp(outputs)
    return chances / chances.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("estimator", "two", "three"),
    [
        ("logistic_regression", "log-odds", "score"),
        ("sgd", "log-odds", "one-vs-rest log-odds"),
        ("complement_nb", "log-odds", "score"),
        ("random_forest", "probability", "probability"),
        ("hist_gradient_boosting", "log-odds", "score"),
    ],
)
def test_the_scale_says_how_outputs_become_probabilities(
    estimator: EstimatorName, two: str, three: str
) -> None:
    for labels, scale in ((2, two), (3, three)):
        X, y = dense(labels)
        model = train(estimator, X, y, seed=0).model
        parts = contributions(model, X, mean_features(X))
        assert {part.scale for part in parts} == {scale}
        outputs = np.stack([part.output for part in parts], axis=1)
        expected = model.predict_proba(X)[:, -outputs.shape[1] :]
        assert np.allclose(probability_of(outputs, scale), expected, atol=1e-6)
        rng = np.random.default_rng(0)
        assert explain_globally(model, X, NAMES, version=1, rng=rng).scale == scale


@pytest.mark.parametrize("estimator", LINEAR + TREES)
def test_where_samples_have_several_labels_each_has_its_own_scale(estimator: EstimatorName) -> None:
    X, y = dense(3)
    answers = [(one, "d") if one == "a" else (one,) for one in y]
    model = train_each(estimator, X, answers, seed=0).model
    parts = contributions(model, X, mean_features(X))
    outputs = np.stack([part.output for part in parts], axis=1)
    (scale,) = {part.scale for part in parts}
    assert np.allclose(probability_of(outputs, scale), model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("estimator", LINEAR + TREES)
def test_the_importance_of_a_column_is_that_of_all_its_features_together(
    estimator: EstimatorName,
) -> None:
    recipe = Recipe((Column("body", "text"), Column("colour", "categorical"),
                     Column("size", "numeric")), estimator)  # fmt: skip
    rows = [
        {"body": ["cheap pills", "good morning", "cheap morning"][i % 3],
         "colour": ["red", "blue"][i % 2], "size": i % 7}
        for i in range(60)
    ]  # fmt: skip
    frame = to_frame(rows, recipe)
    preprocessing = build_preprocessing(recipe).fit(frame)
    X = transform(preprocessing, frame)
    model = train(estimator, X, ["a" if i % 3 else "b" for i in range(60)], seed=0).model
    found = explain_globally(model, X, feature_names(preprocessing), version=1,
                             rng=np.random.default_rng(0), preprocessing=preprocessing)  # fmt: skip
    thick = X.toarray() if sparse.issparse(X) else X
    (part,) = contributions(model, thick, mean_features(thick))
    columns = np.array(units(preprocessing).columns)
    expected = {
        name: float(np.abs(part.values[:, columns == name].sum(axis=1)).mean())
        for name in ("body", "colour", "size")
    }
    assert dict(found.columns[part.label]) == pytest.approx(expected, abs=1e-5)
    assert found.columns[part.label][0][0] == "body"


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("estimator", LINEAR)
def test_sparse_and_dense_explanations_agree(estimator: EstimatorName, labels: int) -> None:
    X, y = sparse_pool(labels)
    model = train(estimator, X, y, seed=0).model
    mean = mean_features(X)
    for thin, thick in zip(
        contributions(model, X[:9], mean), contributions(model, X[:9].toarray(), mean), strict=True
    ):
        assert np.allclose(thin.output, thick.output)
        for i in range(9):
            there = X[i].toarray()[0] != 0
            assert np.allclose(thin.row(i)[there], thick.row(i)[there])
            assert thin.absent[i] == pytest.approx(thick.row(i)[~there].sum(), abs=1e-6)


@pytest.mark.parametrize("labels", [2, 3])
def test_the_output_explained_is_the_one_the_model_decides_by(labels: int) -> None:
    X, y = dense(labels)
    for estimator in LINEAR:
        model = train(estimator, X, y, seed=0).model
        outputs = np.stack([p.output for p in contributions(model, X, mean_features(X))], axis=1)
        if labels == 2:
            decided = model.classes_[(outputs[:, 0] > 0).astype(int)]
        else:
            decided = model.classes_[outputs.argmax(axis=1)]
        assert (decided == model.predict(X)).all()


@pytest.mark.parametrize("estimator", LINEAR)
def test_a_rare_word_that_speaks_for_no_label_has_no_weight(estimator: EstimatorName) -> None:
    y = np.repeat(["a", "b", "c"], 20)
    telling = np.eye(3)[np.repeat([0, 1, 2], 20)]
    rare = np.isin(np.arange(60), [0, 20, 40]).astype(float)
    X = np.column_stack([telling, rare])
    model = train(estimator, X, y, seed=0).model
    first = contributions(model, X[:1], mean_features(X))[0].row(0)
    assert first[0] > 0.5 and abs(first[3]) < 0.2 * first[0]


def test_the_closed_form_is_what_shap_computes() -> None:
    import shap

    X, y = dense()
    X = X.astype(np.float64)
    model = train("logistic_regression", X, y, seed=0).model
    theirs = shap.LinearExplainer(model, X).shap_values(X[:10])
    (ours,) = contributions(model, X[:10], mean_features(X))
    assert np.allclose(ours.values, theirs)


def test_what_does_not_add_up_is_not_shown() -> None:
    with pytest.raises(NotAdditive) as caught:
        explanation._check_additive(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    assert caught.value.gap == pytest.approx(0.2)


def test_a_sample_is_explained_with_the_number_that_is_in_the_data() -> None:
    recipe = Recipe((Column("amount", "numeric"),))
    frame = to_frame([{"amount": value} for value in (1436.78, 63_050.0, 5.25, 7.0)], recipe)
    preprocessing = build_preprocessing(recipe).fit(frame)
    X = transform(preprocessing, frame)
    model = train("logistic_regression", X, ["a", "b", "a", "b"], seed=0).model
    explained = explain_samples(model, X, feature_names(preprocessing), mean=mean_features(X),
                                units=units(preprocessing), frame=frame)  # fmt: skip
    assert [why.data for (why,) in explained] == [("1436.78",), ("63050",), ("5.25",), ("7",)]


def test_the_strongest_features_come_first_in_the_words_of_the_data() -> None:
    recipe = Recipe((Column("size", "numeric"), Column("colour", "categorical")))
    rows = [{"size": 100.0 + i, "colour": ["red", "blue"][i > 5]} for i in range(12)]
    frame = to_frame(rows, recipe)
    preprocessing = build_preprocessing(recipe).fit(frame)
    X = transform(preprocessing, frame)
    y = ["small" if i < 6 else "big" for i in range(12)]
    model = train("logistic_regression", X, y, seed=0).model
    ((why,),) = explain_samples(model, X[:1], feature_names(preprocessing),
                                mean=mean_features(X), units=units(preprocessing))  # fmt: skip
    assert list(map(abs, why.values)) == sorted(map(abs, why.values), reverse=True)
    said = dict(zip(why.features, why.data, strict=True))
    assert said["size"] == "100" and said["colour = red"] == "yes"


@pytest.mark.parametrize("estimator", LINEAR + TREES)
def test_the_feature_that_decides_is_globally_the_most_important(estimator: EstimatorName) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((80, 6)).astype(np.float32)
    y = np.where(X[:, 4] > 0.5, "yes", "no")
    model = train(estimator, X, y, seed=0).model
    found = explain_globally(model, X, NAMES, version=3, rng=rng)
    assert found.version == 3 and found.labels == ("yes",)
    best = found.importances["yes"][0]
    assert best.feature == "x4"
    assert len(best.values) == len(best.data) == found.n
    assert min(best.data) == 0 and max(best.data) == 1


def test_global_importance_counts_absent_words_too() -> None:
    X, y = sparse_pool()
    model = train("logistic_regression", X, y, seed=0).model
    rng = np.random.default_rng(0)
    thin = explain_globally(model, X, NAMES, version=1, rng=rng)
    thick = explain_globally(model, X.toarray(), NAMES, version=1, rng=rng)
    assert {f.feature: round(f.importance, 6) for f in thin.importances["b"]} == {
        f.feature: round(f.importance, 6) for f in thick.importances["b"]
    }


def text_preprocessing() -> object:
    recipe = Recipe((Column("subject", "text"), Column("body", "text")))
    rows = [{"subject": "Hello you", "body": "free MONEY, free!"}] * 2
    return build_preprocessing(recipe).fit(to_frame(rows, recipe))


def test_highlighted_words_are_the_text_and_carry_the_whole_weight() -> None:
    preprocessing = text_preprocessing()
    names = feature_names(preprocessing)
    weights = np.zeros(len(names))
    weights[names.index("body: free")], weights[names.index("body: money")] = 2.0, -1.0
    weights[names.index("subject: hello")] = 50.0
    text = "  Free money — FREE unknown.\n"
    pieces = highlight(text, "body", preprocessing, weights)
    assert "".join(word for word, _ in pieces) == text
    assert dict(pieces)["Free"] == dict(pieces)["FREE"] == 1.0
    assert sum(weight for _, weight in pieces) == pytest.approx(1.0)


def test_terms_of_two_words_share_their_weight() -> None:
    preprocessing = text_preprocessing()
    preprocessing.named_transformers_["text1"].set_params(ngram_range=(1, 2))
    preprocessing.named_transformers_["text1"].vocabulary_ = {"free money": 0}
    weights = np.zeros(len(feature_names(preprocessing)))
    start = preprocessing.output_indices_["text1"].start
    weights[start] = 3.0
    pieces = dict(highlight("free money now", "body", preprocessing, weights))
    assert pieces["free"] == pieces["money"] == 1.5 and pieces["now"] == 0


@pytest.mark.parametrize("text", ["", "   ", "?", "\x00\ud7ff", "<b>x</b>"])
def test_any_text_can_be_highlighted(text: str) -> None:
    preprocessing = text_preprocessing()
    weights = np.ones(len(feature_names(preprocessing)))
    assert "".join(w for w, _ in highlight(text, "body", preprocessing, weights)) == text


def test_a_letter_that_is_two_when_small_keeps_the_weight_of_its_word_in_place() -> None:
    recipe = Recipe((Column("body", "text"),))
    text = "Bugün İSTANBUL, yarın İzmir"
    frame = to_frame([{"body": text}, {"body": text}], recipe)
    preprocessing = build_preprocessing(recipe).fit(frame)
    names = feature_names(preprocessing)
    weights = np.arange(1.0, len(names) + 1)
    pieces = highlight(text, "body", preprocessing, weights)
    assert "".join(word for word, _ in pieces) == text
    assert sum(weight for _, weight in pieces) == pytest.approx(weights.sum())
    assert dict(pieces)["İSTANBUL"] == weights[names.index("body: i̇stanbul")]


def test_highlighting_what_is_no_text_column_is_refused() -> None:
    with pytest.raises(Invalid, match="'size' is not a text column"):
        highlight("x", "size", text_preprocessing(), np.zeros(9))


def test_pixels_are_found_behind_other_columns() -> None:
    recipe = Recipe((Column("size", "numeric"), Column("scan", "image")))
    frame = to_frame([{"size": i, "scan": [[i, 1], [2, 3]]} for i in range(4)], recipe)
    preprocessing = build_preprocessing(recipe).fit(frame)
    assert pixels(preprocessing, np.array([9.0, 1.0, 2.0, 3.0, 4.0])) == ((1.0, 2.0), (3.0, 4.0))
    X = transform(preprocessing, frame)
    model = train("logistic_regression", X, ["a", "a", "b", "b"], seed=0).model
    found = explain_globally(model, X, feature_names(preprocessing), version=1,
                             rng=np.random.default_rng(0), preprocessing=preprocessing)  # fmt: skip
    assert np.array(found.image["b"]).shape == (2, 2)


def test_without_an_image_there_are_no_pixels() -> None:
    assert pixels(text_preprocessing(), np.zeros(9)) == ()


def test_a_wide_text_row_is_explained_in_well_under_fifty_milliseconds() -> None:
    rng = np.random.default_rng(0)
    X = sparse.random(200, 40_000, density=0.005, format="csr", dtype=np.float32, rng=rng)
    model = train("logistic_regression", X, ["a", "b"] * 100, seed=0).model
    names, mean = [str(i) for i in range(40_000)], mean_features(X)
    started = time.process_time()
    explain_samples(model, X[:50], names, mean=mean)
    assert (time.process_time() - started) / 50 < 0.05
