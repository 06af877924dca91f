// How the page of an evaluation looks: light or dark as the reader's screen is, and down to the width of a phone.
import { Markup } from './markup.ts';

export const STYLE = new Markup(`
:root { color-scheme: light dark; --ground: #fff; --raised: #f6f8fa; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0;
  --passed: #1a7f37; --failed: #cf222e; --unsure: #9a6700; --blue: #0969da; --bar: #9ac7f7; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --raised: #161b22; --text: #e6edf3; --quiet: #9198a1; --line: #3d444d;
  --passed: #3fb950; --failed: #ff7b72; --unsure: #d29922; --blue: #58a6ff; --bar: #1f5a99; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 80rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0; }
a { color: var(--blue); }
code { font: .85em ui-monospace, monospace; }
.quiet { color: var(--quiet); }
.passed { color: var(--passed); } .failed { color: var(--failed); }
.error, .unscored, .undecided { color: var(--unsure); } .reported { color: var(--quiet); }
.badge { display: inline-block; border: 1px solid; border-radius: 1rem; padding: 0 .55rem; font-size: .875rem; font-weight: 600;
  line-height: 1.5; white-space: nowrap; }
h1 .badge { font-size: 1.1rem; }
nav ul, .about, .figures { list-style: none; margin: .75rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
.about div { display: flex; flex-wrap: wrap; gap: 0 .4rem; }
dt { color: var(--quiet); font-size: .875rem; } dd { margin: 0; }
.figures { gap: .75rem; margin-bottom: 1rem; }
[scope='row'] strong { white-space: nowrap; }
.figures div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .75rem; }
.figures dd { font-weight: 600; }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .6rem .75rem .6rem 0; border-top: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--quiet); font-size: .875rem; border-top: 0; }
.cases { table-layout: fixed; margin-bottom: 1.5rem; }
.cases thead th:nth-child(1) { width: 17%; } .cases thead th:nth-child(3) { width: 27%; }
.cases thead th:nth-child(n + 4) { width: 5.5rem; }
.id { font-weight: 600; } .label { display: none; }
.tag { display: inline-block; background: var(--raised); border: 1px solid var(--line); border-radius: .25rem; padding: 0 .35rem;
  font-size: .8125rem; }
.said dl { margin: 0; } .said dt { margin-top: .5rem; } .said dt:first-child { margin-top: 0; }
.text { white-space: pre-wrap; }
.reply { border-left: 3px solid var(--line); padding-left: .6rem; }
.checks { list-style: none; margin: 0; padding: 0; } .checks bdi { color: var(--text); }
.checks li { margin-bottom: .25rem; }
tr:target { background: var(--raised); }
summary { cursor: pointer; }
.fold > summary { font-weight: 600; padding: .5rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; align-items: start; }
figure { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; }
figcaption { font-size: .875rem; color: var(--quiet); } figcaption h3 { color: var(--text); }
svg { display: block; width: 100%; max-width: 30rem; height: auto; margin-top: .5rem; }
svg text { font: 13px system-ui, sans-serif; fill: var(--text); } svg .small { font-size: 12px; fill: var(--quiet); }
.axis { stroke: var(--quiet); stroke-width: 1; }
.range { stroke: var(--blue); stroke-width: 2; } .here { fill: var(--blue); }
.minimum { stroke: var(--failed); stroke-width: 2; }
svg .bar { fill: var(--bar); } svg .before { fill: none; stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 4 2; }
.legend { font-size: .875rem; color: var(--quiet); }
.key { display: inline-block; width: 1.1rem; height: .75rem; vertical-align: baseline; }
.key.bar { background: var(--bar); } .key.before { border: 1.5px dashed var(--text); margin-left: .75rem; }
.key.line { width: 0; border-left: 2px solid var(--failed); margin-left: .25rem; }
@media (max-width: 60rem) {
  body { padding: 1rem; } h1 { font-size: 1.35rem; }
  table, tbody, tr, th, td, caption { display: block; }
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  th, td { border: 0; padding: .25rem 0; }
  tr { border-top: 1px solid var(--line); padding: .75rem 0; }
  .label { display: inline; color: var(--quiet); font-size: .875rem; }
  .figure { display: inline-block; margin-right: 1.25rem; }
}
@media print { body { max-width: none; padding: 0; } tr, figure { break-inside: avoid; } }
`);
