import { ApiFailure, badRequest } from './status.js';

/** What selectors look at. */
export interface Selectable {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type Selector = (object: Selectable) => boolean;

export const EVERYTHING: Selector = () => true;

/**
 * A label selector of equalities and existence: `a`, `!a`, `a=b`, `a==b`, `a!=b`, joined by commas. An object without
 * the label is selected by `a!=b` (labels and selectors, Kubernetes documentation).
 *
 * @throws ApiFailure for sets (`in`, `notin`), and for what is no selector.
 */
export function labelSelector(text: string): Selector {
  return allOf(requirementsOf(text).map(labelRequirement));
}

/**
 * A field selector by name or namespace.
 *
 * @throws ApiFailure for any other field.
 */
export function fieldSelector(text: string): Selector {
  return allOf(requirementsOf(text).map(fieldRequirement));
}

function requirementsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function labelRequirement(requirement: string): Selector {
  const comparison = /^([^=!]+?)\s*(!=|==|=)\s*([^=!]*)$/.exec(requirement);
  if (comparison !== null) {
    const [, label = '', operator, value] = comparison;
    const equal = operator !== '!=';
    return ({ labels }) => (labels[label] === value) === equal;
  }
  const existence = /^(!?)\s*([^\s=!()]+)$/.exec(requirement);
  if (existence === null) throw new ApiFailure(badRequest(`unable to parse requirement: ${requirement}`));
  const [, negation, label = ''] = existence;
  return ({ labels }) => Object.hasOwn(labels, label) === (negation === '');
}

function fieldRequirement(requirement: string): Selector {
  const [, field, operator, value] =
    /^(metadata\.name|metadata\.namespace)(!=|==|=)(.*)$/.exec(requirement) ?? [];
  if (field === undefined) throw new ApiFailure(badRequest(`field label not supported: ${requirement}`));
  const equal = operator !== '!=';
  return field === 'metadata.name'
    ? ({ name }) => (name === value) === equal
    : ({ namespace }) => (namespace === value) === equal;
}

/** What each of these selects. */
export function allOf(selectors: readonly Selector[]): Selector {
  if (selectors.length === 0) return EVERYTHING;
  return (object) => selectors.every((selects) => selects(object));
}
