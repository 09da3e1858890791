/** The one line below a value that puts it in proportion, from what else the row says. */
import type { MetricRow } from '@sluicegate/client';
import { formatDuration, formatText } from './format';

/** Fields that belong together, and what they say. The first whose fields are all numbers is used. */
const CAPTIONS: { fields: string[]; say: (...values: number[]) => string }[] = [
  {
    fields: ['used_bytes', 'total_bytes'],
    say: (used = 0, total = 0) => `${bytes(used)} of ${bytes(total)}`,
  },
  {
    fields: ['received_bytes_per_second', 'sent_bytes_per_second'],
    say: (received = 0, sent = 0) => `↓ ${rate(received)}   ↑ ${rate(sent)}`,
  },
  { fields: ['cores', 'load_1m'], say: (cores = 0, load = 0) => `${cores} cores · load ${load}` },
  { fields: ['cores'], say: (cores = 0) => `${cores} cores` },
  {
    fields: ['rss_bytes', 'uptime_seconds'],
    say: (rss = 0, uptime = 0) => `${bytes(rss)} · up ${formatDuration(uptime)}`,
  },
];

export function captionOf(row: MetricRow): string | undefined {
  for (const { fields, say } of CAPTIONS) {
    const values = fields.map((field) => row[field]);
    if (values.every((value) => typeof value === 'number')) return say(...values);
  }
  return undefined;
}

function bytes(value: number): string {
  return formatText(value, 'bytes');
}

function rate(value: number): string {
  return formatText(value, 'bytes_per_second');
}
