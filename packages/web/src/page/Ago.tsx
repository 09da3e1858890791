import { formatAgo, formatMoment } from '../metrics/format';
import { useTime } from './clock';

/** How long ago something happened; the exact time is in the tooltip. */
export function Ago({ at, prefix = '' }: { at: number; prefix?: string }) {
  const text = useTime((now) => formatAgo(at, now));
  return (
    <time dateTime={new Date(at).toISOString()} title={formatMoment(at)}>
      {prefix}
      {text}
    </time>
  );
}
