// What a service that speaks S3 answers to a listing (ListObjectsV2), of it only what we need. Pure.

interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly changedAt: Date;
}

export interface Page {
  readonly objects: readonly ListedObject[];
  /** Continues the listing. */
  readonly next: string | undefined;
}

/** `undefined` for what is no listing, or lacks something of an object. */
export function readPage(xml: string): Page | undefined {
  const truncated = /<IsTruncated>(true|false)<\/IsTruncated>/.exec(xml)?.[1];
  if (!xml.includes('<ListBucketResult') || truncated === undefined) return undefined;
  const objects: ListedObject[] = [];
  for (const [, contents = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
    const object = readObject(contents);
    if (object === undefined) return undefined;
    objects.push(object);
  }
  if (truncated === 'false') return { objects, next: undefined };
  const token = /<NextContinuationToken>([^<]+)<\/NextContinuationToken>/.exec(xml)?.[1];
  return token === undefined ? undefined : { objects, next: unescapeXml(token) };
}

function readObject(xml: string): ListedObject | undefined {
  const key = /<Key>([^<]+)<\/Key>/.exec(xml)?.[1];
  const bytes = /<Size>(\d+)<\/Size>/.exec(xml)?.[1];
  const changedAt = Date.parse(/<LastModified>([^<]+)<\/LastModified>/.exec(xml)?.[1] ?? '');
  if (key === undefined || bytes === undefined || Number.isNaN(changedAt)) return undefined;
  return { key: unescapeXml(key), bytes: Number(bytes), changedAt: new Date(changedAt) };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescapeXml = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (entity, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name ?? ''] ?? entity;
  });
