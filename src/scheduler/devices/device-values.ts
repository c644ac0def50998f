/** A device as the expressions of classes and requests see it: its driver, and its attributes and capacity by domain. */
import type { Device, DeviceAttribute } from '#api/gen/resource-v1.js';
import {
  CelError,
  CelMap,
  EntryMap,
  quantityValue,
  type Result,
  semverValue,
  type Value,
} from '#apimachinery/cel/index.js';

/** Domains that a device says nothing of are empty, so that an expression need not ask whether they are there. */
class DomainMap extends CelMap {
  readonly #domains: ReadonlyMap<string, EntryMap>;

  constructor(domains: ReadonlyMap<string, EntryMap>) {
    super();
    this.#domains = domains;
  }

  override get size(): number {
    return this.#domains.size;
  }

  override find(key: Value): Result | undefined {
    return this.#domains.get(key as string);
  }

  override keys(): Iterable<Value> {
    return this.#domains.keys();
  }

  override unset(): Value {
    return EntryMap.of();
  }
}

/** An error where an attribute has no value of a known type. */
export function deviceValue(driver: string, { attributes, capacity, allowMultipleAllocations }: Device): Result {
  const described = domainsOf(driver, attributes, attributeValue);
  if (described instanceof CelError) return described;
  const sized = domainsOf(driver, capacity, ({ value }) => quantityValue(value ?? '0'));
  if (sized instanceof CelError) return sized;
  return EntryMap.of([
    ['driver', driver],
    ['attributes', described],
    ['capacity', sized],
    ['allowMultipleAllocations', allowMultipleAllocations ?? false],
  ]);
}

/** A name without a domain is in the driver's. */
function domainsOf<T>(
  driver: string,
  properties: Record<string, T> | undefined,
  read: (property: T) => Result,
): DomainMap | CelError {
  const domains = new Map<string, EntryMap>();
  for (const [qualified, property] of Object.entries(properties ?? {})) {
    const value = read(property);
    if (value instanceof CelError) return new CelError(`attribute ${qualified}: ${value.message}`);
    const slash = qualified.indexOf('/');
    const domain = slash < 0 ? driver : qualified.slice(0, slash);
    let entries = domains.get(domain);
    if (!entries) domains.set(domain, (entries = EntryMap.of()));
    entries.set(qualified.slice(slash + 1), value);
  }
  return new DomainMap(domains);
}

function attributeValue({ int, bool, string, version }: DeviceAttribute): Result {
  if (int !== undefined) return Number.isSafeInteger(int) ? int : BigInt(int);
  if (bool !== undefined) return bool;
  if (string !== undefined) return string;
  if (version === undefined) return new CelError('unsupported attribute value');
  const parsed = semverValue(version);
  return parsed instanceof CelError ? new CelError(`parse semantic version: ${parsed.message}`) : parsed;
}
