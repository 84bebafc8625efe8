"""The report's one style sheet: system fonts, light and dark, from a phone's width to a desk's."""

from typing import Final

CSS: Final = """
:root { color-scheme: light dark; --page: #ffffff; --card: #f5f6f8; --ink: #1b1f24; --soft: #57606a;
  --line: #d5d9de; --accent: #0969da; --warn: #fff4d6; --warn-line: #bf8700; --bad: #b42318; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --page: #14171c; --card: #1e232a; --ink: #e6e8eb; --soft: #a2abb5;
  --line: #363d47; --accent: #6cb6ff; --warn: #3a2f0f; --warn-line: #d4a72c; --bad: #ff8a7a; --good: #57d47b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p, dd, li { max-width: 75ch; }
p { margin: .5rem 0; }
.soft { color: var(--soft); }
.warn { background: var(--warn); border-left: 5px solid var(--warn-line); padding: .7rem 1rem; margin: 1rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; margin: .8rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: .86em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .8rem 0; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
thead th { color: var(--soft); font-weight: 600; border-bottom-width: 2px; }
th[scope=row], th[scope=rowgroup], th.text { text-align: left; }
th[scope=row] { font-weight: 400; }
th[scope=rowgroup] { padding-top: .8rem; font-weight: 700; }
tbody.source { border-bottom: 2px solid var(--line); }
td small { display: block; color: var(--soft); font-size: .78rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 1rem; }
.figures figure { max-width: 520px; }
figure { margin: 0; }
figcaption { font-size: .9rem; }
svg { width: 100%; height: auto; display: block; }
summary { cursor: pointer; color: var(--accent); padding: .4rem 0; }
.key { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; font-size: .9rem; }
.hands { list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 236px), 1fr)); }
.hands figure { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  overflow: hidden; height: 100%; }
.hands img { display: block; width: 100%; height: auto; aspect-ratio: 1; }
.hands figcaption { padding: .5rem .7rem .7rem; line-height: 1.35; }
.hands code { display: block; }
.note { display: block; color: var(--bad); overflow-wrap: anywhere; }
.missed { color: var(--bad); font-weight: 700; }
.found { color: var(--good); font-weight: 600; }
.ids { padding-left: 1.2rem; columns: 22rem; }
@media (max-width: 640px) { th, td { padding: .3rem .45rem; font-size: .86rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  .hands { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .5rem; }
  .hands figcaption { font-size: .8rem; padding: .4rem; } }
@media print { .hands figure, .figures figure { break-inside: avoid; } }
""".strip()
