/** DynamoDB-typed JSON (`{"S":"cpu"}`, `{"N":"12.5"}`) into plain values. */

/** Deeper values are refused, as DynamoDB refuses to store them. */
const DEPTH_LIMIT = 32;

/** A typed image into a plain object; throws an `Error` that names the attribute that cannot be read. */
export function plainImage(image: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(image).map(([name, value]) => [name, plainValue(value, name, 0)]),
  );
}

function plainValue(typed: unknown, name: string, depth: number): unknown {
  const [type, value] = singleEntry(typed) ?? [];
  if (depth > DEPTH_LIMIT) throw new Error(`attribute ${name} is nested too deeply`);
  switch (type) {
    case 'S':
    case 'B':
      if (typeof value === 'string') return value;
      break;
    case 'N':
      if (isNumeral(value)) return Number(value);
      break;
    case 'BOOL':
      if (typeof value === 'boolean') return value;
      break;
    case 'NULL':
      return null;
    case 'SS':
    case 'BS':
      if (Array.isArray(value)) return value;
      break;
    case 'NS':
      if (Array.isArray(value) && value.every(isNumeral)) return value.map(Number);
      break;
    case 'L':
      if (Array.isArray(value)) return value.map((item) => plainValue(item, name, depth + 1));
      break;
    case 'M':
      if (typeof value === 'object' && value !== null)
        return Object.fromEntries(
          Object.entries(value).map(([key, item]) => [
            key,
            plainValue(item, `${name}.${key}`, depth + 1),
          ]),
        );
      break;
  }
  throw new Error(`attribute ${name} is not DynamoDB-typed JSON`);
}

function isNumeral(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value));
}

function singleEntry(value: unknown): [string, unknown] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.length === 1 ? entries[0] : undefined;
}
