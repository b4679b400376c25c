#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.html and its pictures are whole, need no network, and say what scores.json says: report_check.py FOLDER...

Where anndata is there, the posterior predictive check's columns of var are held against X. Where scikit-learn is too, and the run has at most 5,000 cells, its t-SNE is held against scikit-learn's exact one from
the same start: divergence and trustworthiness within 2% of it, or of its range.
"""
import html
import html.parser
import json
import os
import re
import sys
import xml.etree.ElementTree

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.scores, self.texts, self.ids, self.data, self.checked = [], {}, {}, [], None, 0

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag not in ("script", "iframe", "object", "link", "img"), tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "href", "xlink:href"), (tag, name)
            assert name == "xmlns" or not re.search(r"https?:|//", value or ""), (tag, name, value)
        if tag not in VOID:
            self.open.append(tag)
        self.checked += "checked" in attributes
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "data":
            self.data = attributes
            if "value" in attributes:
                self.scores.setdefault(attributes["data-name"], set()).add(attributes["value"])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (self.open[-3:], tag)
        self.open.pop()

    def handle_data(self, text):
        if self.open and self.open[-1] == "style":
            assert "url(" not in text and "@import" not in text
        if self.open and self.open[-1] == "data" and self.data.get("class") == "whole":
            self.texts[self.data["data-name"]] = text


def compare_with_scikit_learn(folder, scores, found):
    try:
        import anndata
        import numpy
        from sklearn.manifold import TSNE, trustworthiness
    except ImportError:
        return "not compared: there is no anndata or scikit-learn"
    latent = anndata.read_h5ad(folder + "/cells.h5ad").obsm["X_cellvae"]
    if len(latent) > 5000:
        return "not compared: more than 5,000 cells"
    # Where the descent is chaotic, scikit-learn itself ends elsewhere when the last digits differ: by 10% of the divergence of a few
    # hundred cells without clear groups. Then its own runs say between what.
    random = numpy.random.default_rng(0)
    peers = {"t_sne_divergence": [], "t_sne_trustworthiness": []}
    runs = 8 if len(latent) <= 400 else 1
    for run in range(runs):
        near = (latent * (1 + (1e-6 * random.standard_normal(latent.shape) if run else 0))).astype(numpy.float32)
        centred = near.astype(float) - near.mean(axis=0, dtype=float)
        values, vectors = numpy.linalg.eigh(centred.T @ centred)
        vectors = vectors[:, ::-1][:, :2]
        vectors = vectors * numpy.sign(vectors[numpy.abs(vectors).argmax(axis=0), range(vectors.shape[1])])
        start = centred @ vectors
        picture = TSNE(method="exact", perplexity=min(30, (len(near) - 1) / 3),
                       init=(start / start[:, 0].std() * 1e-4).astype(numpy.float32)).fit(near)
        peers["t_sne_divergence"].append(picture.kl_divergence_)
        peers["t_sne_trustworthiness"].append(trustworthiness(near, picture.embedding_))
    for name, values in peers.items():
        assert 0.98 * min(values) < found[name] < 1.02 * max(values), (name, found[name], values)
    return ", ".join(f"{name} {found[name]:.4f} (scikit-learn {min(values):.4f} to {max(values):.4f})" for name, values in peers.items())


def compare_with_cells(folder, scores):
    """The posterior predictive check of all cells says what numpy says of X; the draws are held against it by others."""
    try:
        import anndata
        import numpy
    except ImportError:
        return
    cells = anndata.read_h5ad(folder + "/cells.h5ad")
    used = cells.var["highly_variable"].to_numpy()
    kinds = {kind: [cells.var[f"cellvae_{kind}_{moment}"].to_numpy() for moment in ("mean", "variance", "zeros")]
             for kind in ("observed", "simulated")}
    for kind, columns in kinds.items():
        for column in columns:
            assert numpy.isfinite(column[used]).all() and numpy.isnan(column[~used]).all(), kind
        assert abs(scores["zeros_" + kind] - columns[2][used].mean()) < 1e-12, kind
    assert (kinds["simulated"][2][used] <= 1).all() and (kinds["simulated"][0][used] >= 0).all()
    if scores["predictive_cells"] == scores["cells"]:
        counts = cells.X.toarray().astype(float)[:, used]
        for column, expected in zip(kinds["observed"], (counts.mean(axis=0), counts.var(axis=0), (counts == 0).mean(axis=0))):
            assert numpy.allclose(column[used], expected, rtol=1e-9, atol=1e-12)


for folder in sys.argv[1:]:
    with open(folder + "/scores.json", encoding="utf-8") as file:
        text = file.read()
    scores = json.loads(text)
    path = folder + "/report.html"
    with open(path, encoding="utf-8") as file:
        page = file.read()
    parser = Page()
    parser.feed(page)
    parser.close()
    assert not parser.open, parser.open
    assert len(parser.ids) == len(set(parser.ids))
    found = {}
    for name, values in parser.scores.items():
        assert len(values) == 1, (name, values)
        found[name] = json.loads(values.pop())
    for name, value in found.items():
        if not name.startswith("t_sne"):
            assert scores[name] == value, (name, scores[name], value)
    for name, value in scores.items():  # the whole table, to the last digit
        shown = parser.texts[name]
        assert (shown == value) if isinstance(value, str) else (json.loads(shown) == value), (name, shown, value)
    for name in ("bound_train", "clusters", "active_units", "seed", "seconds", "predictive_cells", "zeros_observed", "zeros_simulated"):
        assert name in found, name
    if scores["labels"] is not None:
        for name in ("ari", "nmi", "silhouette"):
            assert name in found, name
    compare_with_cells(folder, scores)
    # each button has its picture, and one is seen at first
    buttons = [name.removeprefix("pick_") for name in parser.ids if name.startswith("pick_")]
    assert parser.checked == 2 and {"cluster", "pca", "library_size"} <= set(buttons), buttons
    for arrangement in {"tsne", "pca"} & set(buttons):
        for colouring in set(buttons) - {"tsne", "pca"}:
            assert f"#pick_{arrangement}:checked~#pick_{colouring}:checked~.figures #{arrangement}_{colouring}{{" in page
            assert f"{arrangement}_{colouring}" in parser.ids
    with open(folder + "/options.toml", encoding="utf-8") as file:
        command = file.readline()
    assert command.startswith("# cellvae train ") and html.escape(command[2:].strip()) in page, command
    pictures = sorted(os.listdir(folder + "/pictures"))
    assert {picture.removesuffix(".svg") for picture in pictures} <= set(parser.ids), pictures
    for picture in pictures:
        root = xml.etree.ElementTree.parse(os.path.join(folder, "pictures", picture)).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
        width, height = (float(root.get(side)) for side in ("width", "height"))
        for element in root.iter("{http://www.w3.org/2000/svg}path"):
            assert re.fullmatch(r"[MLHVhvlmz0-9. -]*", element.get("d")), (picture, element.get("d")[:99])
        for element in root.iter("{http://www.w3.org/2000/svg}text"):
            assert -1 <= float(element.get("x")) <= width + 1 and -1 <= float(element.get("y")) <= height + 1, (picture, element.attrib)
    size = os.path.getsize(path)
    assert size < 2e6, size
    print(f"{folder}: right; {len(pictures)} pictures, {size / 1e3:.0f} kB;", compare_with_scikit_learn(folder, scores, found))
