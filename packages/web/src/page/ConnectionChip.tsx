import type { ConnectionState } from '@sluicegate/client';
import Chip from '@mui/material/Chip';
import './ConnectionChip.css';

type Tone = 'success' | 'warning' | 'error';

const APPEARANCE: Record<ConnectionState, { label: string; tone: Tone }> = {
  connecting: { label: 'Reconnecting', tone: 'warning' },
  live: { label: 'Live', tone: 'success' },
  reconnecting: { label: 'Reconnecting', tone: 'warning' },
  disconnected: { label: 'Disconnected', tone: 'error' },
  closed: { label: 'Disconnected', tone: 'error' },
};

/** Whether what the page shows is the present. Changes are read aloud. */
export function ConnectionChip({ state }: { state: ConnectionState }) {
  const { label, tone } = APPEARANCE[state];
  return (
    <div role="status" aria-live="polite" className="connection">
      <Chip
        data-testid="connection"
        data-tone={tone}
        className="connection-chip"
        icon={<span className="connection-dot" aria-hidden="true" />}
        label={label}
        color={tone}
        size="small"
        variant="outlined"
      />
    </div>
  );
}
