import { useId } from 'react';
import type { Point } from '../metrics/board';
import { pathsOf, rangeOf } from './scale';

export interface SparklineProps {
  points: readonly Point[];
  unit: string | undefined;
  slots: number;
  /** What the chart says, where it stands on its own; without it the chart only decorates a value. */
  label?: string;
}

/** A line with a soft area below. It fills its box whatever the proportions. */
export function Sparkline({ points, unit, slots, label }: SparklineProps) {
  const gradient = useId();
  const shown = points.slice(-slots);
  const { line, area } = pathsOf(shown, rangeOf(shown, unit), slots);
  const purpose = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true };
  return (
    <svg className="sparkline" viewBox="0 0 100 100" preserveAspectRatio="none" {...purpose}>
      <linearGradient id={gradient} x1="0" y1="0" x2="0" y2="1">
        <stop offset="0" stopColor="var(--accent)" stopOpacity="0.22" />
        <stop offset="1" stopColor="var(--accent)" stopOpacity="0.02" />
      </linearGradient>
      <path d={area} fill={`url(#${gradient})`} />
      <path d={line} className="sparkline-line" />
    </svg>
  );
}
