/** Numbers and times as people read them. */

export interface Reading {
  number: string;
  /** Empty when there is none. */
  unit: string;
}

const KIBI = 1024;
const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const KILO = 1000;
const RATE_UNITS = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s'];
/** From here on a count is abbreviated. */
const COMPACT_FROM = 1_000_000;

const oneDecimal = new Intl.NumberFormat('en', {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });

/** A metric value in its unit: memory by 1024 as operating systems count it, rates by 1000 as networks do. */
export function formatReading(value: number, unit: string | undefined): Reading {
  switch (unit) {
    case 'percent':
      return { number: oneDecimal.format(value), unit: '%' };
    case 'bytes':
      return scaled(value, KIBI, BINARY_UNITS);
    case 'bytes_per_second':
      return scaled(value, KILO, RATE_UNITS);
    case 'count':
    case undefined:
      return { number: formatCount(value), unit: '' };
    default:
      return { number: formatCount(value), unit: unit.replaceAll('_', ' ') };
  }
}

/** The reading in one piece, for labels that are read aloud. */
export function formatText(value: number, unit: string | undefined): string {
  const reading = formatReading(value, unit);
  return reading.unit ? `${reading.number} ${reading.unit}` : reading.number;
}

function formatCount(value: number): string {
  return (Math.abs(value) >= COMPACT_FROM ? compact : plain).format(value);
}

function scaled(value: number, base: number, units: readonly string[]): Reading {
  let step = 0;
  let rest = value;
  // 999.95 would be shown as 1,000.0 of the smaller unit.
  while (Math.abs(rest) >= base - 0.05 && step < units.length - 1) {
    rest /= base;
    step += 1;
  }
  const digits = step === 0 || Math.abs(rest) >= 100 ? whole : oneDecimal;
  return { number: digits.format(rest), unit: units[step] ?? '' };
}

/** Names of further fields end in their unit. */
const SUFFIX_UNITS: [suffix: string, unit: string][] = [
  ['_bytes_per_second', 'bytes_per_second'],
  ['_bytes', 'bytes'],
  ['_percent', 'percent'],
];

/** Any field of a row: `used_bytes` 1024 is `1.0 KiB`, `uptime_seconds` 90 is `1 min`. */
export function formatField(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return JSON.stringify(value);
  if (name.endsWith('_seconds')) return formatDuration(value);
  return formatText(value, SUFFIX_UNITS.find(([suffix]) => name.endsWith(suffix))?.[1]);
}

export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** Calm on purpose: nothing changes during the first five seconds. */
const JUST_NOW_S = 5;

export function formatAgo(at: number, now: number): string {
  const seconds = (now - at) / 1_000;
  return seconds < JUST_NOW_S ? 'just now' : `${formatDuration(seconds)} ago`;
}

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function formatMoment(at: number): string {
  return absolute.format(at);
}
