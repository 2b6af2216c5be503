// A long list of which only the part in sight has elements. Items of one list all have the same height.

// Divisible by 1, 2, 3 and 4 columns, of which the frame has room for 4: no part but the last ends within a row.
const PART = 12;

class LongList {
  /** `make(item, position, total)` returns the element of an item; `kind` is the class of a part. */
  constructor(place, kind, make) {
    Object.assign(this, { place, kind, make, items: [], parts: [], height: 0 });
    this.seen = new IntersectionObserver((entries) => this.#look(entries), { rootMargin: "900px 0px" });
    this.sized = new ResizeObserver(() => this.#resize());
    this.sized.observe(place);
  }

  /** Show other items. Parts whose items are the same objects stay as they are. */
  show(items) {
    const total = items.length;
    const changed = total !== this.items.length;
    this.items = items;
    const needed = Math.ceil(total / PART);
    while (this.parts.length > needed) {
      const part = this.parts.pop();
      this.seen.unobserve(part.box);
      part.box.remove();
    }
    for (let index = 0; index < needed; index++) {
      const slice = items.slice(index * PART, (index + 1) * PART);
      const part = this.parts[index] ?? this.#add(index);
      if (!same(slice, part.items)) this.#update(part, slice, total);
      else if (changed) for (const child of part.box.children) child.setAttribute("aria-setsize", total);
    }
    this.#resize();
  }

  /** Give every part its elements, as for paper. */
  fill() {
    for (const part of this.parts) this.#fill(part);
  }

  drop() {
    this.seen.disconnect();
    this.sized.disconnect();
  }

  #add(index) {
    const box = el("ul", { class: `part ${this.kind}`, role: "list" });
    const part = { box, items: [], index, full: false, near: false };
    box.part_ = part;
    this.parts.push(part);
    this.place.append(box);
    this.seen.observe(box);
    return part;
  }

  #update(part, slice, total) {
    const before = part.items;
    part.items = slice;
    if (!part.full) {
      // The first part is measured, so it is filled before it is seen.
      if (part.index === 0) this.#fill(part);
      return;
    }
    // Elements of items that stay are not touched: the focus, a film that plays and the place of scrolling stay too.
    const focused = document.activeElement?.closest?.("[data-place]");
    const refocus = focused && part.box.contains(focused) ? focused.dataset.place : null;
    const start = part.index * PART;
    if (slice.slice(0, before.length).every((item, at) => item.place === before[at].place) && slice.length >= before.length) {
      slice.forEach((item, at) => {
        if (item === before[at]) return;
        const made = this.make(item, start + at, total);
        if (at < before.length) part.box.children[at].replaceWith(made);
        else part.box.append(made);
      });
    } else {
      const old = new Map(before.map((item, at) => [item, part.box.children[at]]));
      part.box.replaceChildren(...slice.map((item, at) => old.get(item) ?? this.make(item, start + at, total)));
    }
    if (refocus !== null) part.box.querySelector(`[data-place="${refocus}"] button`)?.focus({ preventScroll: true });
  }

  #fill(part) {
    if (part.full) return;
    const total = this.items.length, start = part.index * PART;
    part.box.replaceChildren(...part.items.map((item, at) => this.make(item, start + at, total)));
    part.box.style.height = "";
    part.full = true;
    tick();
  }

  #empty(part) {
    if (!part.full || part.index === 0 || part.box.contains(document.activeElement)) return;
    part.box.replaceChildren();
    part.full = false;
    this.#reserve(part);
  }

  #look(entries) {
    for (const entry of entries) {
      const part = entry.target.part_;
      if (entry.isIntersecting) this.#fill(part);
      else this.#empty(part);
    }
  }

  /** An empty part is as high as it will be when it is filled. */
  #reserve(part) {
    const { columns, row, gap, rest } = this.measure;
    const rows = Math.ceil(part.items.length / columns);
    part.box.style.height = `${rows * row + (rows - 1) * gap + rest}px`;
  }

  #resize() {
    const [first] = this.parts;
    if (!first?.full || !first.box.firstElementChild) return;
    const style = getComputedStyle(first.box);
    const columns = style.display === "grid" ? style.gridTemplateColumns.split(" ").length : 1;
    this.measure = { columns, row: first.box.firstElementChild.getBoundingClientRect().height, gap: parseFloat(style.rowGap) || 0, rest: parseFloat(style.paddingBottom) || 0 };
    for (const part of this.parts) if (!part.full) this.#reserve(part);
  }
}
