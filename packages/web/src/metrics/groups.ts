/** Which tile stands where: grouped by type, in an order that never depends on values, so that nothing jumps. */
import type { Entity } from './board';

export interface Group {
  type: string;
  title: string;
  entities: Entity[];
}

/** The types the bundled collector knows, in reading order. Any other follows by name. */
const KNOWN_TYPES: Record<string, string> = {
  cpu: 'Processor',
  memory: 'Memory',
  disk: 'Disk',
  network: 'Network',
  process: 'Process',
  processes: 'Processes',
};
const ORDER = Object.keys(KNOWN_TYPES);

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

export function groupEntities(entities: Iterable<Entity>): Group[] {
  const groups = new Map<string, Group>();
  for (const entity of entities) {
    const type = entity.row.entity_type;
    const group = groups.get(type) ?? { type, title: titleOf(type), entities: [] };
    groups.set(type, group);
    group.entities.push(entity);
  }
  for (const group of groups.values()) group.entities.sort(byLabel);
  return [...groups.values()].sort(
    (a, b) => rank(a) - rank(b) || collator.compare(a.title, b.title),
  );
}

export function labelOf(entity: Entity): string {
  return entity.row.label ?? entity.id;
}

function byLabel(a: Entity, b: Entity): number {
  return collator.compare(labelOf(a), labelOf(b)) || collator.compare(a.id, b.id);
}

function rank(group: Group): number {
  const index = ORDER.indexOf(group.type);
  return index === -1 ? ORDER.length : index;
}

function titleOf(type: string): string {
  const known = Object.hasOwn(KNOWN_TYPES, type) ? KNOWN_TYPES[type] : undefined;
  return known ?? type.charAt(0).toUpperCase() + type.slice(1).replaceAll(/[_-]/g, ' ');
}

/** Names of the accent colours in `theme.css`. */
const FREE_ACCENTS = ['sky', 'lime', 'slate'];

/** The accent of a type: its own, or one that is always the same for the same name. */
export function accentOf(type: string): string {
  if (ORDER.includes(type)) return type;
  let hash = 0;
  for (const char of type) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return FREE_ACCENTS[hash % FREE_ACCENTS.length] ?? 'slate';
}
