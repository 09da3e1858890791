import Alert from '@mui/material/Alert';
import AlertTitle from '@mui/material/AlertTitle';
import Button from '@mui/material/Button';
import { formatMoment } from '../metrics/format';
import './Outage.css';

/** The server does not answer: what that means for what is on the page, and what to do. */
export function Outage({
  host,
  lastUpdate,
  onRetry,
}: {
  host: string;
  lastUpdate: number | undefined;
  onRetry: () => void;
}) {
  return (
    <Alert
      severity="error"
      variant="outlined"
      icon={false}
      action={
        <Button color="inherit" size="small" onClick={onRetry}>
          Retry now
        </Button>
      }
      className="outage"
    >
      <AlertTitle>No answer from {host}</AlertTitle>
      Is the server running? Start it with <code>make run</code>. This page reconnects by itself.
      {lastUpdate !== undefined && ` What you see was last updated on ${formatMoment(lastUpdate)}.`}
    </Alert>
  );
}
