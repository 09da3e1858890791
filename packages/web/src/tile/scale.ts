/** From points to the path of a chart, in a box of 100 by 100. */
import type { Point } from '../metrics/board';

export interface Range {
  min: number;
  max: number;
}

/** Upper ends a percentage chart may have: a calm processor is not a flat line, and a busy one is not a full box. */
const PERCENT_CEILINGS = [10, 25, 50, 100];
/** A chart never magnifies noise below this share of the value. */
const LEAST_SPAN = 0.05;
/** Air above and below the line. */
const MARGIN = 0.12;

export function rangeOf(points: readonly Point[], unit: string | undefined): Range {
  const values = points.map((point) => point.value);
  const min = Math.min(...values);
  const max = Math.max(...values);
  if (unit === 'percent' && min >= 0 && max <= 100)
    return { min: 0, max: PERCENT_CEILINGS.find((ceiling) => max <= ceiling * 0.9) ?? 100 };
  const middle = (min + max) / 2;
  const span = Math.max(max - min, Math.abs(middle) * LEAST_SPAN, Number.MIN_VALUE);
  const half = span * (0.5 + MARGIN);
  const low = middle - half;
  // A quantity that is never negative has no room below zero.
  return { min: min >= 0 ? Math.max(0, low) : low, max: middle + half };
}

/** Half the thickness of the line: at the edge of the box it is still seen whole. */
const LINE_ROOM = 2;

export interface Paths {
  line: string;
  /** The line closed down to the floor, to be filled. */
  area: string;
}

/** Draws the newest `slots` points; fewer of them stand at the right, where news arrives. */
export function pathsOf(points: readonly Point[], range: Range, slots: number): Paths {
  const shown = points.slice(-slots);
  const first = slots - shown.length;
  const spread = range.max - range.min || 1;
  const at = (index: number) => round(((first + index) / Math.max(1, slots - 1)) * 100);
  const height = (value: number) =>
    round(100 - LINE_ROOM - ((value - range.min) / spread) * (100 - 2 * LINE_ROOM));

  let line = '';
  let area = '';
  let segmentStart = 0;
  shown.forEach((point, index) => {
    const starts = index === 0 || point.afterGap === true;
    const next = shown[index + 1];
    const ends = next === undefined || next.afterGap === true;
    const step = `${at(index)} ${height(point.value)}`;
    if (starts) segmentStart = index;
    line += starts ? `M${step}` : `L${step}`;
    // A point on its own has no length; a round line cap makes it visible.
    if (starts && ends) line += `L${step}`;
    area += starts ? `M${at(index)} 100L${step}` : `L${step}`;
    if (ends) area += index > segmentStart ? `L${at(index)} 100Z` : 'Z';
  });
  return { line, area };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
