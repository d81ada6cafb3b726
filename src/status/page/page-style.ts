/** The look of the pages: light or dark as the reader's system is, from a phone's width up. Contrasts are those of WCAG 2.1 AA. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --pale: #59636e; --line: #d5dae0; --raised: #f5f7f9; --accent: #0b5cad; --well: #12692f; --wrong: #b42318; --wrong-paper: #fdecea; --even: #2a78c2; --odd: #7db3e6; --idle: #c3ccd6; --aside: #d64535; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e4e8ec; --pale: #9aa5b1; --line: #333b44; --raised: #1c2229; --accent: #78b7f5; --well: #6cc98a; --wrong: #ff9a8f; --wrong-paper: #3b1d1b; --even: #4c96dc; --odd: #245a8c; --idle: #47525e; --aside: #e8695b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 90rem; padding: 0 1rem 2rem; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
a { color: var(--accent); }
a:focus-visible, button:focus-visible, input:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .3rem .6rem; z-index: 1; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1.5rem; }
h1 { font-size: 1.2rem; margin: .8rem 0; }
h1 a { color: inherit; text-decoration: none; }
h2 { font-size: 1.1rem; margin: 1.4rem 0 .5rem; }
h3 { font-size: .95rem; margin: .9rem 0 .2rem; }
small { color: var(--pale); font-size: .85em; }
#connection { color: var(--wrong); font-weight: 600; margin: 0; }
#state { font-size: 1.25rem; font-weight: 600; margin: .3rem 0; }
.well { color: var(--well); }
.well::before { content: "\\2713\\00a0"; }
.wrong { color: var(--wrong); }
.wrong::before { content: "!\\00a0"; }
.facts { color: var(--pale); font-size: .87rem; margin: .2rem 0 .6rem; }
.facts b { color: var(--ink); font-weight: 600; }
.errors, .failures { list-style: none; padding: 0; margin: .3rem 0; }
.errors li { background: var(--wrong-paper); border-left: 4px solid var(--aside); padding: .3rem .6rem; margin: .3rem 0; }
.failures li { padding: .15rem 0; }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 0 1rem; }
.totals > div { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 0 .8rem .6rem; margin: .3rem 0; }
.totals p { margin: .1rem 0 .4rem; }
.totals .spark { height: 3.2rem; width: 100%; }
form { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin: .4rem 0 .6rem; }
input[type=search] { flex: 0 1 20rem; min-width: 8rem; font: inherit; padding: .3rem .5rem; color: inherit; background: var(--paper); border: 1px solid var(--pale); border-radius: 4px; }
button { font: inherit; padding: .3rem .8rem; color: inherit; background: var(--raised); border: 1px solid var(--pale); border-radius: 4px; cursor: pointer; }
.found { color: var(--pale); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
thead th { font-size: .85rem; color: var(--pale); white-space: nowrap; border-bottom-width: 2px; }
thead a[aria-current] { color: var(--ink); }
tbody th { font-weight: 500; min-width: 9rem; }
.number { text-align: right; white-space: nowrap; }
.trouble th, .trouble td { background: var(--wrong-paper); }
.state { min-width: 7rem; }
.why { display: block; color: var(--wrong); }
svg { display: block; }
.spark { height: 1.3rem; width: 8rem; overflow: visible; }
.spark .area { fill: var(--even); opacity: .25; }
.spark .line { fill: none; stroke: var(--even); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.spark .axis { stroke: var(--line); fill: none; vector-effect: non-scaling-stroke; }
.shares { display: flex; align-items: center; gap: .5rem; white-space: nowrap; min-height: 1.3rem; }
.share { width: 7rem; height: .6rem; flex: none; }
td[colspan] .share { width: 100%; }
.share .even { fill: var(--even); } .share .odd { fill: var(--odd); } .share .idle { fill: var(--idle); } .share .rest { fill: var(--pale); } .share .aside { fill: var(--aside); }
.pager { display: flex; gap: 1rem; padding: .6rem 0; color: var(--pale); }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; overflow-x: auto; font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: normal; }
footer { margin-top: 2rem; color: var(--pale); font-size: .85rem; }
.stale #totals, .stale tbody, .stale .spark { opacity: .45; }
@media (max-width: 60rem) { .more { display: none; } }
@media (max-width: 34rem) { body { padding: 0 .6rem 1.5rem; } th, td { padding-right: .35rem; } .share { width: 3rem; } tbody th { min-width: 6rem; } table { font-size: .87rem; } .shares { flex-wrap: wrap; white-space: normal; gap: 0 .35rem; } thead th { white-space: normal; } }
@media (prefers-reduced-motion: no-preference) { .stale #totals, tbody, .totals { transition: opacity .3s; } }
`;

/** In the tab of a browser: a line that is spliced. */
export const PAGE_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0b5cad"/><path d="M2 8h4l4-4h4M6 8l4 4h4" fill="none" stroke="#fff" stroke-width="1.6"/></svg>`;
