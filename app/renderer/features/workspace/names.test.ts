import { expect, test } from "vitest";
import { freeName, newNameProblem } from "./names.ts";

test("takes the first free number, whatever the case of the letters", () => {
  expect([
    freeName("train.py", []),
    freeName("train.py", ["Train.py"]),
    freeName("train.py", ["train.py", "train_2.py", "train_4.py"]),
  ]).toEqual(["train.py", "train_2.py", "train_3.py"]);
});

test("says why a file may not be called so", () => {
  expect([
    newNameProblem("faster.py", ["train.py"]),
    newNameProblem("Train.py", ["train.py"]),
    newNameProblem("Train.py", ["train.py"], "train.py"),
    newNameProblem("train.txt", []),
    newNameProblem("../train.py", []),
    newNameProblem("", []),
  ]).toEqual([
    null,
    "There is a Train.py already.",
    null,
    "A submission's name ends in .py.",
    "A name does not begin with a dot.",
    "A name is needed.",
  ]);
});
