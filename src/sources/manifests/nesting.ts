/**
 * How deep a manifest may nest; no Kubernetes object comes near. Deeper ones are refused before they are read: what
 * reads them recurses, and Node 20 does not survive a stack that runs out inside of a regular expression.
 */
export const DEEPEST_NESTING = 100;
