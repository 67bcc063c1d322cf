// SPDX-License-Identifier: Apache-2.0

/// How the page of a comparison looks: on a screen light or dark, on a phone, on paper.
enum PageStyle {
    static let css = """
        :root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d2228;--soft:#5b6570;--line:#dfe2e6;
        --band:#f3f2ee;--accent:#0b7285;--good:#2b8a3e;--bad:#c2410c;--p0:#0b7285;--p1:#e8a33d;--p2:#9aa5b1;--i0:#fff;--i1:#1d2228;--i2:#1d2228}
        @media (prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1b2026;--ink:#e8eaed;--soft:#a3adb8;--line:#323a44;
        --band:#20262d;--accent:#3bc9db;--good:#69db7c;--bad:#ff922b;--p0:#3bc9db;--p1:#f0b65a;--p2:#6c7783;--i0:#10161a;--i1:#10161a;--i2:#fff}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
        a{color:var(--accent)}
        .skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem}
        header,main,footer{max-width:64rem;margin:0 auto;padding:0 1.25rem}
        header{padding-top:3rem}
        h1{font-size:clamp(1.9rem,5vw,2.9rem);line-height:1.1;margin:0 0 .5rem;letter-spacing:-.02em}
        h2{font-size:1.35rem;line-height:1.25;margin:0 0 .4rem;letter-spacing:-.01em}
        .meta,.hint,caption,dt{color:var(--soft);font-size:.92rem}
        .meta{margin:0 0 1.6rem}
        .hint{margin:0 0 .9rem;max-width:46rem}
        section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.5rem;margin:0 0 1.4rem}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.9rem;margin:0 0 1.4rem;padding:0;list-style:none}
        .cards li{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1rem 1.1rem}
        .cards b{display:block;font-size:1.9rem;line-height:1.15;font-variant-numeric:tabular-nums;color:var(--ink)}
        .cards span{color:var(--soft);font-size:.88rem}
        .cards .who{display:flex;gap:.4rem;align-items:center;color:var(--ink);font-weight:600;font-size:.95rem}
        .legend{display:flex;flex-wrap:wrap;gap:.45rem;margin:0 0 1rem;padding:0;list-style:none}
        .legend button{display:inline-flex;align-items:center;gap:.35rem;font:inherit;font-size:.9rem;color:var(--ink);background:var(--card);
        border:1px solid var(--line);border-radius:999px;padding:.25rem .75rem;cursor:pointer}
        .legend button[aria-pressed=true]{border-color:var(--ink);box-shadow:inset 0 0 0 1px var(--ink)}
        :focus-visible{outline:3px solid var(--accent);outline-offset:2px}
        .swatch{width:14px;height:14px;flex:none}
        .scroll{overflow-x:auto;max-width:100%}
        .chart svg{display:block;width:100%;height:auto}.narrow{display:none}
        svg text{fill:var(--ink);stroke:none;font-size:13px;font-family:inherit}
        svg .tick,svg .note,svg .axis{fill:var(--soft);font-size:12px}
        svg .strong{font-weight:650}
        svg .name{font-size:12.5px}
        svg .value{font-size:12.5px;font-weight:600;font-variant-numeric:tabular-nums}
        svg .grid{stroke:var(--line);stroke-width:1}
        svg .one{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:4 3}
        svg .band{fill:var(--band)}
        svg .whisker{stroke:inherit;stroke-width:2.5;stroke-linecap:round;opacity:.55}
        svg .hollow{fill:var(--card);stroke:inherit;stroke-width:2}
        svg .soft{opacity:.75}
        svg .fit{stroke-width:3}
        svg .part{stroke:none}svg .p0{fill:var(--p0)}svg .p1{fill:var(--p1)}svg .p2{fill:var(--p2)}
        svg .inside{font-size:11.5px}svg .i0{fill:var(--i0)}svg .i1{fill:var(--i1)}svg .i2{fill:var(--i2)}
        .row{transition:opacity .15s}
        .picked .row:not(.on){opacity:.13}
        @media (prefers-reduced-motion:reduce){.row{transition:none}}
        table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
        caption{text-align:left;padding:.2rem 0 .5rem}
        th,td{padding:.32rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
        th{font-weight:600}th[scope=row],th:first-child{text-align:left}td.text,th.text{text-align:left}
        thead th{color:var(--soft);border-bottom:2px solid var(--line)}
        details{margin-top:1rem}summary{cursor:pointer;color:var(--accent)}
        .verdict{font-weight:700;text-transform:uppercase;letter-spacing:.04em;font-size:.85rem}
        .supported{color:var(--good)}.refuted{color:var(--bad)}.undecided{color:var(--soft)}
        .warn{border-left:4px solid var(--bad)}
        .warn ul{margin:.3rem 0 0;padding-left:1.2rem}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:0}dd{margin:0;overflow-wrap:anywhere}
        pre{background:var(--band);border-radius:8px;padding:.8rem 1rem;overflow-x:auto;font-size:.88rem;white-space:pre-wrap;overflow-wrap:anywhere}
        footer{padding-bottom:3rem;color:var(--soft);font-size:.88rem}
        @media (max-width:40rem){.wide{display:none}.narrow{display:block}section{padding:1.1rem .9rem;border-radius:10px}header{padding-top:1.8rem}dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}th[scope=row]{white-space:normal;min-width:8rem}}
        @media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--band:#f4f4f4;--p0:#0b7285;--p1:#e8a33d;--p2:#9aa5b1;--i0:#fff;--i1:#000;--i2:#000}
        body{font-size:10.5pt}header,main,footer{max-width:none;padding:0}.legend,.skip,.narrow{display:none}.wide{display:block}
        section{border:0;padding:0 0 1rem;break-inside:avoid-page}.scroll{overflow:visible}th,td{white-space:normal;padding:.2rem .4rem}}
        """

    /// Picks an observer out: a second press lets it go. Without scripts all else still works.
    static let script = """
        (() => {
          let picked = "";
          const pick = name => {
            picked = picked === name ? "" : name;
            document.body.classList.toggle("picked", picked !== "");
            for (const row of document.querySelectorAll(".row"))
              row.classList.toggle("on", row.dataset.observer === picked);
            for (const button of document.querySelectorAll(".legend button"))
              button.setAttribute("aria-pressed", String(button.dataset.observer === picked));
          };
          for (const button of document.querySelectorAll(".legend button"))
            button.addEventListener("click", () => pick(button.dataset.observer));
          addEventListener("keydown", event => { if (event.key === "Escape" && picked) pick(picked); });
        })();
        """
}
