/** What a run can be tagged with, for whoever takes a tag and for whoever asks for one. No schema: the window has none. */

export const MAX_TAG_LENGTH = 40;
export const MAX_TAGS = 20;

/** What was typed as a tag, without the blanks around it; null where that is no tag. */
export function tagOf(typed: string): string | null {
  const tag = typed.trim();
  return tag.length >= 1 && tag.length <= MAX_TAG_LENGTH ? tag : null;
}
