// Whether a document is valid by a JSON Schema (draft 2020-12), as far as the published schemas of results use it: what they
// do not use is refused, so that nothing is passed over.

export type JsonSchema = Readonly<Record<string, unknown>>;

const ANNOTATIONS = new Set(['$schema', '$id', 'title', 'description']);

/** What of the document is not as the schema says, one sentence each, with the place in the document. */
export function findSchemaFaults(schema: JsonSchema, document: unknown, place = '$'): string[] {
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    if (ANNOTATIONS.has(keyword)) return [];
    const check = CHECKS[keyword];
    if (check === undefined) return [`${place}: the checker does not know "${keyword}"`];
    return check(wanted, document, { schema, place });
  });
}

interface Context {
  readonly schema: JsonSchema;
  readonly place: string;
}

type Check = (wanted: unknown, document: unknown, context: Context) => string[];

const CHECKS: Readonly<Record<string, Check>> = {
  type: (wanted, document, { place }) =>
    typeOf(document, wanted) === wanted ? [] : [`${place} is no ${wanted}: ${JSON.stringify(document)}`],
  enum: (wanted, document, { place }) =>
    Array.isArray(wanted) && wanted.includes(document)
      ? []
      : [`${place} is none of the values: ${JSON.stringify(document)}`],
  minimum: (wanted, document, { place }) =>
    Number(document) >= Number(wanted) ? [] : [`${place} is less than ${wanted}: ${document}`],
  maximum: (wanted, document, { place }) =>
    Number(document) <= Number(wanted) ? [] : [`${place} is more than ${wanted}: ${document}`],
  pattern: (wanted, document, { place }) =>
    new RegExp(String(wanted), 'u').test(String(document)) ? [] : [`${place} is not ${wanted}: ${document}`],
  format: (wanted, document, { place }) =>
    wanted === 'date-time' && !Number.isNaN(Date.parse(String(document)))
      ? []
      : [`${place} is no ${wanted}: ${document}`],
  items: (wanted, document, { place }) =>
    asList(document).flatMap((item, i) => findSchemaFaults(asObject(wanted), item, `${place}[${i}]`)),
  anyOf: (wanted, document, { place }) => {
    const faults = asList(wanted).map(one => findSchemaFaults(asObject(one), document, place));
    return faults.some(found => found.length === 0) ? [] : faults.flat();
  },
  properties: (wanted, document, { place }) =>
    Object.entries(asObject(wanted)).flatMap(([name, schema]) => {
      const members = asObject(document);
      if (!Object.hasOwn(members, name)) return [];
      return findSchemaFaults(asObject(schema), members[name], `${place}.${name}`);
    }),
  required: (wanted, document, { place }) =>
    asList(wanted)
      .filter(name => !Object.hasOwn(asObject(document), String(name)))
      .map(name => `${place} lacks "${name}"`),
  additionalProperties: (wanted, document, { schema, place }) => {
    if (wanted !== false) return [`${place}: only strict objects are known to the checker`];
    const known = asObject(schema.properties);
    return Object.keys(asObject(document))
      .filter(name => !Object.hasOwn(known, name))
      .map(name => `${place} has a member that the schema does not name: "${name}"`);
  },
};

function typeOf(value: unknown, wanted: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (wanted === 'integer' && Number.isSafeInteger(value)) return 'integer';
  return typeof value;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function asObject(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {};
}
