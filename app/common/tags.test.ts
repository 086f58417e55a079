import { expect, test } from "vitest";
import { tagSchema } from "./history.ts";
import { MAX_TAG_LENGTH, tagOf } from "./tags.ts";

test.each(["fast", "  two words ", "", " ", "\u00a0", "x".repeat(MAX_TAG_LENGTH), "x".repeat(MAX_TAG_LENGTH + 1)])(
  "a tag is what the services take: %j",
  (typed) => {
    expect(tagOf(typed)).toBe(tagSchema.safeParse(typed).data ?? null);
  },
);
