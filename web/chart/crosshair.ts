import type uPlot from "uplot";
import { PRICE_BOTTOM_SHARE } from "./price_scale.ts";

/** Where it points, CSS pixels within the plot, and what its labels say. */
export interface CrosshairPoint {
  readonly leftPx: number;
  readonly topPx: number;
  readonly time: string;
  readonly price: string;
}

/** Half the width of the time label, which stays within the plot. */
const TIME_HALF_PX = 50;

/** The two lines are uPlot's; the labels at their ends are ours. */
export class Crosshair {
  readonly #plot: uPlot;
  readonly #time: HTMLElement;
  readonly #price: HTMLElement;

  constructor(plot: uPlot) {
    this.#plot = plot;
    this.#time = label(plot.over, "crosshair-label crosshair-time");
    this.#price = label(plot.over, "crosshair-label crosshair-price");
  }

  place(at: CrosshairPoint | null): void {
    this.#time.hidden = this.#price.hidden = at === null;
    if (at === null) {
      this.#plot.setCursor({ left: -10, top: -10 }, false);
      return;
    }
    const { clientWidth: width, clientHeight: height } = this.#plot.over;
    this.#plot.setCursor({ left: at.leftPx, top: at.topPx }, false);
    const x = Math.round(Math.min(Math.max(at.leftPx, TIME_HALF_PX), width - TIME_HALF_PX));
    this.#time.textContent = at.time;
    this.#time.style.transform = `translate(${x}px, ${height}px) translateX(-50%)`;
    this.#price.textContent = at.price;
    this.#price.style.transform = `translate(${width}px, ${
      Math.round(at.topPx)
    }px) translateY(-50%)`;
    // among the volumes there are no prices
    this.#price.hidden = at.topPx > height * (1 - PRICE_BOTTOM_SHARE + 0.03);
  }
}

function label(parent: HTMLElement, className: string): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.hidden = true;
  parent.append(element);
  return element;
}
