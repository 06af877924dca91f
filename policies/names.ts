// Names of approvers, groups and keys: as they stand in policies, in the registry, and in file names.

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

/** Letters, digits and `. _ @ -`; the first a letter or digit, so that no name is a path or an option. */
export const isName = (text: string): boolean => NAME.test(text);
