/** The real server, as a process with its own data directory. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const BINARY = resolve(
  process.env.SLUICEGATE_BIN ?? join(import.meta.dirname, '../../../target/debug/sluicegate'),
);
/** A debug build on a busy machine starts within this. */
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;

export class Server {
  private constructor(
    private process: ChildProcess,
    private readonly data: string,
    /** `127.0.0.1:PORT` of the public listener; the same after a restart. */
    readonly listen: string,
    private log: string[],
  ) {}

  static async start(): Promise<Server> {
    if (!existsSync(BINARY))
      throw new Error(`no server at ${BINARY}: build it with cargo, or set SLUICEGATE_BIN`);
    const data = await mkdtemp(join(tmpdir(), 'sluicegate-e2e-'));
    const log: string[] = [];
    const { process, listen } = await launch('127.0.0.1:0', data, log);
    return new Server(process, data, listen, log);
  }

  get origin(): string {
    return `http://${this.listen}`;
  }

  /** SIGTERM, and the exit it must lead to. */
  async stop(): Promise<void> {
    const exited = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    const [code] = (await within(exited, STOP_LIMIT_MS, this.log)) as [number | null];
    if (code !== 0) throw new Error(`the server ended with ${code}\n${this.log.join('\n')}`);
  }

  async restart(): Promise<void> {
    this.process = (await launch(this.listen, this.data, this.log)).process;
  }

  async remove(): Promise<void> {
    if (this.process.exitCode === null) this.process.kill('SIGKILL');
    await rm(this.data, { recursive: true, force: true });
  }

  /** PutItem as any SDK sends it. `item` is DynamoDB-typed. */
  async putItem(item: object): Promise<void> {
    const answer = await fetch(this.origin, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'DynamoDB_20120810.PutItem',
        'x-amz-date': '20260101T000000Z',
        authorization:
          'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, ' +
          `SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
      },
      body: JSON.stringify({ TableName: 'iops-dashboard-metrics', Item: item }),
    });
    if (!answer.ok) throw new Error(`PutItem: ${answer.status} ${await answer.text()}`);
  }
}

async function launch(listen: string, data: string, log: string[]) {
  const process = spawn(
    BINARY,
    [
      'serve',
      ...['--listen', listen, '--admin', '127.0.0.1:0', '--data', data],
      ...[
        '--app',
        'live-metrics',
        '--batch-window',
        '0',
        '--collector',
        '1s',
        '--log-format',
        'json',
      ],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  createInterface(process.stderr).on('line', (line) => log.push(line));
  const ready = new Promise<string>((resolve, reject) => {
    createInterface(process.stdout).on('line', (line) => {
      const event = JSON.parse(line) as { event?: string; listen?: string };
      if (event.event === 'ready' && event.listen) resolve(event.listen);
    });
    process.once('error', reject);
    process.once('exit', (code) => reject(new Error(`the server ended with ${code} at its start`)));
  });
  return { process, listen: await within(ready, START_LIMIT_MS, log) };
}

/** The promise, or an error with the server's log once `ms` have passed. */
async function within<Value>(promise: Promise<Value>, ms: number, log: string[]): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${log.join('\n')}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
