// SPDX-License-Identifier: Apache-2.0

/// The page of a flame graph, around its data. Nothing in it asks for the network, and the policy that it
/// states would not let it.
enum FlamegraphPage {
    static let beforeTitle = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
        <title>
        """

    static let afterTitle = """
        </title>
        <style>
        :root { color-scheme: light dark; --back: #fff; --fore: #1b1b1b; --soft: #5c5c5c; --line: #fff;
          --s: 75%; --l: 72%; --hit: #b14cff; }
        @media (prefers-color-scheme: dark) {
          :root { --back: #16181c; --fore: #ececec; --soft: #a5a8ae; --line: #16181c; --s: 42%; --l: 34%;
            --hit: #9a3fe0; }
        }
        body { margin: 0 auto; padding: 12px 16px; max-width: 1800px; background: var(--back);
          color: var(--fore); font: 14px/1.45 system-ui, sans-serif; }
        h1 { font-size: 17px; margin: 0; overflow-wrap: anywhere; }
        p { margin: 2px 0; color: var(--soft); }
        #bar { display: flex; gap: 10px; flex-wrap: wrap; align-items: center; margin: 10px 0 6px; }
        input, button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--soft);
          border-radius: 5px; padding: 3px 9px; }
        input { width: 20em; max-width: 100%; }
        button:disabled { opacity: .4; }
        #details { position: sticky; top: 0; min-height: 2.9em; padding: 4px 0; background: var(--back);
          color: var(--fore); overflow-wrap: anywhere; }
        svg { display: block; width: 100%; font: 12px ui-monospace, monospace; }
        g.frame { cursor: pointer; outline: none; }
        g.frame rect { fill: hsl(var(--h) var(--s) var(--l)); stroke: var(--line); stroke-width: .6; }
        g.frame text { fill: var(--fore); pointer-events: none; }
        g.plain rect { fill: color-mix(in srgb, var(--soft) 45%, var(--back)); }
        g.mark rect { fill: hsl(0 0% 50% / .35); stroke-dasharray: 3 2; stroke: var(--soft); }
        g.above { opacity: .55; }
        g.hit rect { fill: var(--hit); }
        g.hit text { fill: #fff; }
        g.frame:hover rect, g.frame:focus rect { stroke: var(--fore); stroke-width: 1.8; }
        </style>
        </head>
        <body>
        """

    static let script = """
        <div id="bar">
        <input id="search" type="search" placeholder="Search functions ( / )" aria-label="Search functions">
        <button id="reset" disabled>Show all (Esc)</button>
        <span id="matched" role="status"></span>
        </div>
        <div id="details" role="status"></div>
        <svg id="graph" xmlns="http://www.w3.org/2000/svg" role="group" aria-label="Flame graph, the root on top"></svg>
        <noscript><p>This page draws the graph with a script, which is switched off.</p></noscript>
        <p>Click a frame, or press Enter on it, to give it the whole width. Arrow keys go to the caller, the widest
        callee, and the frames beside it. Width is the share; order from left to right is by width, not by time. Red to
        yellow is the program's code, green to blue the kernel's; grey is a process, or, dashed, no function.</p>
        <script>
        "use strict";
        const data = JSON.parse(document.getElementById("data").textContent);
        const height = 19, letter = 7.25, space = "http://www.w3.org/2000/svg";
        const graph = document.getElementById("graph"), details = document.getElementById("details");
        const search = document.getElementById("search"), reset = document.getElementById("reset");
        const matched = document.getElementById("matched");
        const pageTitle = document.title;

        // Four numbers a frame, callers before what they call: label, depth, where it begins, how wide it is.
        const frames = [], open = [];
        for (let i = 0; i < data.frames.length; i += 4) {
          const [label, depth, start, width] = data.frames.slice(i, i + 4);
          const frame = { label: data.labels[label], depth, start, width, children: [], parent: open[depth - 1] };
          open[depth] = frame;
          if (frame.parent) frame.parent.children.push(frame);
          frames.push(frame);
        }
        const root = frames[0];
        let zoomed = root, focused = root, pattern = "";

        const percent = part => part === 0 ? "0 %"
          : (100 * part / root.width).toFixed(part * 1000 < root.width ? 2 : 1) + " %";
        function amount(weight) {
          if (data.unit === "samples") return weight.toLocaleString("en") + (weight === 1 ? " sample" : " samples");
          const [size, unit] = weight >= 1e6 ? [1e6, "s"] : weight >= 1e3 ? [1e3, "ms"] : [1, "µs"];
          return (weight / size).toPrecision(3) + " " + unit + " blocked";
        }
        function describe(frame) {
          const own = frame.width - frame.children.reduce((sum, child) => sum + child.width, 0);
          const origin = [frame.label[2], frame.label[3]].filter(text => text).join(", ");
          return frame.label[0] + (origin ? " (" + origin + ")" : "") + ": " + amount(frame.width) + ", "
            + percent(frame.width) + "; in it itself " + percent(own);
        }
        function hue(name) {
          let hash = 7;
          for (const c of name) hash = (hash * 31 + c.codePointAt(0)) % 9973;
          return hash;
        }
        const isHit = frame => pattern !== "" && frame.label[0].toLowerCase().includes(pattern);

        function make(frame, x, width, isAbove) {
          const group = document.createElementNS(space, "g");
          const [name, kind] = frame.label;
          group.setAttribute("class", "frame" + (kind === 0 ? " plain" : kind === 1 ? " mark" : "")
            + (isAbove ? " above" : "") + (isHit(frame) ? " hit" : ""));
          group.setAttribute("tabindex", frame === focused ? "0" : "-1");
          group.setAttribute("role", "button");
          group.setAttribute("aria-label", describe(frame));
          // User code from red to yellow, the kernel from green to blue.
          group.style.setProperty("--h", kind === 3 ? 165 + hue(name) % 60 : 8 + hue(name) % 44);
          const rect = document.createElementNS(space, "rect");
          rect.setAttribute("x", x);
          rect.setAttribute("y", frame.depth * height);
          rect.setAttribute("width", width);
          rect.setAttribute("height", height - 1);
          if (width > 4) rect.setAttribute("rx", 2); else rect.style.strokeWidth = 0;
          group.append(rect);
          const room = Math.floor((width - 6) / letter);
          if (room >= 3) {
            const text = document.createElementNS(space, "text");
            text.setAttribute("x", x + 4);
            text.setAttribute("y", frame.depth * height + 13.5);
            text.textContent = name.length > room ? name.slice(0, room - 1) + "…" : name;
            group.append(text);
          }
          const tip = document.createElementNS(space, "title");
          tip.textContent = describe(frame);
          group.append(tip);
          group.addEventListener("click", () => zoom(frame));
          group.addEventListener("mouseenter", () => details.textContent = describe(frame));
          group.addEventListener("focus", () => { focused = frame; details.textContent = describe(frame); });
          frame.element = group;
          graph.append(group);
        }

        function draw() {
          const total = graph.clientWidth || 1200;
          const scale = total / (zoomed.width || 1);
          for (const frame of frames) frame.element = null;
          graph.replaceChildren();
          let deepest = 0;
          const above = [];
          for (let frame = zoomed.parent; frame; frame = frame.parent) above.unshift(frame);
          for (const frame of above) make(frame, 0, total, true);
          const visit = frame => {
            // Less cannot be seen or hit.
            if (frame.width * scale < 0.5 && frame !== zoomed) return;
            make(frame, (frame.start - zoomed.start) * scale, frame.width * scale, false);
            deepest = Math.max(deepest, frame.depth);
            frame.children.forEach(visit);
          };
          visit(zoomed);
          graph.setAttribute("height", (deepest + 1) * height);
          graph.setAttribute("viewBox", `0 0 ${total} ${(deepest + 1) * height}`);
          if (!focused.element) {
            focused = zoomed;
            focused.element.setAttribute("tabindex", "0");
          }
        }

        function zoom(frame) {
          zoomed = focused = frame;
          reset.disabled = frame === root;
          document.title = frame === root ? pageTitle : `${frame.label[0]} ${percent(frame.width)} · ${pageTitle}`;
          details.textContent = describe(frame);
          draw();
          focused.element.focus({ preventScroll: true });
        }

        function find() {
          pattern = search.value.toLowerCase();
          // A frame within one that was found is in that already.
          let sum = 0;
          const visit = frame => isHit(frame) ? sum += frame.width : frame.children.forEach(visit);
          if (pattern) visit(root);
          matched.textContent = pattern ? `matched ${percent(sum)}` : "";
          draw();
        }

        function step(key) {
          const beside = focused.parent ? focused.parent.children : [focused];
          const at = beside.indexOf(focused);
          return { ArrowUp: focused.parent, ArrowDown: focused.children[0], ArrowLeft: beside[at - 1],
            ArrowRight: beside[at + 1] }[key];
        }

        document.addEventListener("keydown", event => {
          if (event.key === "Escape") { search.value = ""; find(); zoom(root); }
          if (event.target === search) return;
          if (event.key === "/") { event.preventDefault(); search.focus(); }
          if (event.key === "Enter" && event.target.closest("g.frame")) zoom(focused);
          const next = event.key.startsWith("Arrow") && event.target.closest("g.frame") ? step(event.key) : null;
          if (!next) return;
          event.preventDefault();
          // One that is out of sight comes into it.
          if (!next.element) { zoom(next); return; }
          focused.element.setAttribute("tabindex", "-1");
          next.element.setAttribute("tabindex", "0");
          next.element.focus();
        });
        search.addEventListener("input", find);
        reset.addEventListener("click", () => zoom(root));
        window.addEventListener("resize", draw);
        details.textContent = describe(root);
        draw();
        </script>
        </body>
        </html>

        """
}
