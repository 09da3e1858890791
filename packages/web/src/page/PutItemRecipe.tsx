import Button from '@mui/material/Button';
import { useState } from 'react';
import './PutItemRecipe.css';

const COPIED_MS = 2_000;

/** The command that puts an item into the metrics table of this server. */
export function putItemCommand(origin: string): string {
  return [
    'AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local \\',
    'aws dynamodb put-item --region us-east-1 \\',
    `  --endpoint-url ${origin} \\`,
    '  --table-name iops-dashboard-metrics \\',
    `  --item '{"entity_id": {"S": "hello"}, "entity_type": {"S": "demo"},`,
    `           "metric_value": {"N": "42"}, "unit": {"S": "percent"}}'`,
  ].join('\n');
}

export function PutItemRecipe({ origin }: { origin: string }) {
  const command = putItemCommand(origin);
  const [copied, setCopied] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(command);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  }
  return (
    <div className="recipe">
      <pre tabIndex={0} aria-label="Command">
        <code>{command}</code>
      </pre>
      {/* The clipboard exists only where the browser trusts the origin: https, or this machine. */}
      {'clipboard' in navigator && (
        <Button size="small" className="recipe-copy" onClick={() => void copy()}>
          {copied ? 'Copied' : 'Copy'}
        </Button>
      )}
    </div>
  );
}
