// The command line says the same.
export * from "../../../common/submission-words.ts";
