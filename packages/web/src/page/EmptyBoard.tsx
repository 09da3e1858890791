import Typography from '@mui/material/Typography';
import './EmptyBoard.css';
import { PutItemRecipe } from './PutItemRecipe';

/** Connected, and the table has no rows: what to do about it. */
export function EmptyBoard({ origin }: { origin: string }) {
  return (
    <section className="empty" aria-labelledby="empty-title">
      <svg viewBox="0 12 240 48" className="empty-art" aria-hidden="true">
        <path d="M0 36c20-18 40-18 60 0s40 18 60 0s40-18 60 0s40 18 60 0" />
        <path d="M0 48c20-18 40-18 60 0s40 18 60 0s40-18 60 0s40 18 60 0" />
      </svg>
      <Typography variant="h2" id="empty-title" className="empty-title">
        Connected, and waiting for the first metric
      </Typography>
      <Typography color="textSecondary">
        Put an item into the table and it appears here at once:
      </Typography>
      <PutItemRecipe origin={origin} />
      <Typography color="textSecondary">
        Or let the server measure this machine once a second: start it with{' '}
        <code>--collector 1s</code>.
      </Typography>
    </section>
  );
}
