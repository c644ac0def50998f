/**
 * A set of paths to fields, as a tree. Sets are values: once handed on they are not changed, and operations share
 * what they can of their arguments.
 */

import { atOnce, type Steps } from '#base/turns.js';
import { ParseError } from '../parse-error.js';
import { isObject } from '../patch.js';
import { fieldElement, type Path, type PathElement, parseElement, sortByElement } from './path-element.js';

/** The JSON form: an object of objects; `.` says that a path with others below it is a member itself. */
export interface FieldsV1 {
  [element: string]: FieldsV1;
}

const elementsPerStep = 4096;

/** Deeper FieldsV1 are refused. */
const depthMax = 500;

interface Node {
  /** Whether the path that ends here is in the set. */
  member: boolean;
  below: FieldSet;
}

export class FieldSet {
  static readonly empty = new FieldSet();

  readonly #nodes: Map<PathElement, Node> = new Map();

  static of(...paths: Path[]): FieldSet {
    const set = new FieldSet();
    for (const path of paths) set.insert(path);
    return set;
  }

  /** Of field names alone: `[['metadata', 'name'], ...]`. */
  static ofFields(paths: readonly (readonly string[])[]): FieldSet {
    return FieldSet.of(...paths.map((path) => path.map(fieldElement)));
  }

  /** Throws a ParseError. */
  static parse(fields: unknown, depth = 0): FieldSet {
    if (!isObject(fields) || depth > depthMax) throw new ParseError('FieldsV1', 'fields must be an object of objects');
    const texts = Object.keys(fields);
    // Most sets have nothing below, and share that.
    if (texts.length === 0) return FieldSet.empty;
    const set = new FieldSet();
    for (const text of texts) {
      const content = fields[text];
      const element = text === '.' ? undefined : parseElement(text);
      if (element === undefined) continue;
      const below = FieldSet.parse(content, depth + 1);
      set.#nodes.set(element, { member: below.isEmpty || Object.hasOwn(content as object, '.'), below });
    }
    return set;
  }

  get isEmpty(): boolean {
    for (const { member, below } of this.#nodes.values()) if (member || !below.isEmpty) return false;
    return true;
  }

  /** For whoever builds the set, before it is handed on. */
  insert(path: Path): void {
    let set: FieldSet = this;
    const last = path.length - 1;
    for (let index = 0; index <= last; index++) {
      const element = path[index]!;
      let node = set.#nodes.get(element);
      if (!node) set.#nodes.set(element, (node = { member: false, below: FieldSet.empty }));
      if (index === last) node.member = true;
      else if (node.below === FieldSet.empty) node.below = new FieldSet();
      set = node.below;
    }
  }

  has(path: Path): boolean {
    let set: FieldSet = this;
    let isMember = false;
    for (const element of path) {
      const node = set.#nodes.get(element);
      if (!node) return false;
      isMember = node.member;
      set = node.below;
    }
    return isMember;
  }

  hasElement(element: PathElement): boolean {
    return this.#nodes.get(element)?.member ?? false;
  }

  /** The paths below an element, without it. */
  below(element: PathElement): FieldSet {
    return this.#nodes.get(element)?.below ?? FieldSet.empty;
  }

  union(other: FieldSet): FieldSet {
    if (other.#nodes.size === 0) return this;
    if (this.#nodes.size === 0) return other;
    const set = new FieldSet();
    for (const [element, node] of this.#nodes) set.#nodes.set(element, node);
    for (const [element, node] of other.#nodes) {
      const mine = set.#nodes.get(element);
      if (!mine) set.#nodes.set(element, node);
      else set.#put(element, { member: mine.member || node.member, below: mine.below.union(node.below) });
    }
    return set;
  }

  intersection(other: FieldSet): FieldSet {
    if (this.#nodes.size === 0 || other.#nodes.size === 0) return FieldSet.empty;
    const set = new FieldSet();
    for (const [element, node] of this.#nodes) {
      const theirs = other.#nodes.get(element);
      if (theirs)
        set.#put(element, { member: node.member && theirs.member, below: node.below.intersection(theirs.below) });
    }
    return set;
  }

  /** Without the paths of the other; what is below those stays. Gives itself when nothing goes. */
  difference(other: FieldSet): FieldSet {
    return this.#without(other, (node, theirs) => ({
      member: node.member && !theirs.member,
      below: node.below.difference(theirs.below),
    }));
  }

  /** Without the paths of the other and all below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#without(other, (node, theirs) =>
      theirs.member
        ? { member: false, below: FieldSet.empty }
        : { member: node.member, below: node.below.recursiveDifference(theirs.below) },
    );
  }

  /** Every path, as messages list them: of each level first the paths that end there, then those that go on. */
  *paths(prefix: Path = []): Generator<Path> {
    const sorted = this.#sorted();
    for (const [element, { member }] of sorted) if (member) yield [...prefix, element];
    for (const [element, { below }] of sorted) if (!below.isEmpty) yield* below.paths([...prefix, element]);
  }

  /** The elements at the top, with whether each is a member and what is below it. */
  entries(): Iterable<[PathElement, Readonly<Node>]> {
    return this.#nodes;
  }

  /** A set with the same paths and the elements that `extend` makes members. */
  static from(entries: Iterable<readonly [PathElement, Node]>): FieldSet {
    const set = new FieldSet();
    for (const [element, node] of entries) set.#put(element, node);
    return set;
  }

  toJSON(): FieldsV1 {
    return atOnce(this.encode());
  }

  /** `toJSON` of what may be large. `member`: the path to the set is a member of the set around it. */
  *encode({ member: isMember = false } = {}): Steps<FieldsV1> {
    const fields: FieldsV1 = isMember ? { '.': {} } : {};
    let step = 0;
    for (const [element, { member, below }] of this.#sorted()) {
      if (++step % elementsPerStep === 0) yield;
      if (!below.isEmpty) fields[element] = yield* below.encode({ member });
      else if (member) fields[element] = {};
    }
    return fields;
  }

  /** Equal for sets that were built alike; other sets have other texts. undefined where it would be longer than that. */
  signature(lengthMax: number): string | undefined {
    let text = '';
    for (const [element, { member, below }] of this.#nodes) {
      text += `${member ? '+' : '-'}${element.length}:${element}`;
      if (below.#nodes.size > 0) {
        const inner = below.signature(lengthMax - text.length);
        if (inner === undefined) return undefined;
        text += `(${inner})`;
      }
      if (text.length > lengthMax) return undefined;
    }
    return text;
  }

  #sorted(): [PathElement, Node][] {
    return sortByElement([...this.#nodes]);
  }

  #put(element: PathElement, node: Node): void {
    if (node.member || !node.below.isEmpty) this.#nodes.set(element, node);
  }

  #without(other: FieldSet, reduce: (node: Node, theirs: Node) => Node): FieldSet {
    if (this.#nodes.size === 0 || other.#nodes.size === 0) return this;
    let changed: FieldSet | undefined;
    for (const [element, theirs] of other.#nodes) {
      const node = this.#nodes.get(element);
      if (!node) continue;
      const rest = reduce(node, theirs);
      if (rest.member === node.member && rest.below === node.below) continue;
      changed ??= this.#copy();
      changed.#nodes.delete(element);
      changed.#put(element, rest);
    }
    return changed ?? this;
  }

  #copy(): FieldSet {
    const set = new FieldSet();
    for (const [element, node] of this.#nodes) set.#nodes.set(element, node);
    return set;
  }
}
