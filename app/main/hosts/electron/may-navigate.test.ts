import { expect, test } from "vitest";
import { mayConnect, mayLoad, mayNavigate, mayOpenOutside, mayUse } from "./may-navigate.ts";

const FOREIGN = [
  "https://evil.example/",
  "http://127.0.0.1/",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "data:text/html,hi",
  "about:blank",
  "crusader://evil/",
  "crusader://app.evil/",
  "crusader://app:1/",
  "crusader://user@app/",
  "crusaders://app/",
  "//app/",
  "",
];

test("the window goes nowhere but to its page", () => {
  expect(["crusader://app/", "crusader://app/index.html", "crusader://app/?x#y"].map(mayNavigate)).toEqual([
    true,
    true,
    true,
  ]);
  expect(FOREIGN.filter(mayNavigate)).toEqual([]);
  expect(mayNavigate("crusader://app/assets/index.js")).toBe(false);
});

test("the page loads its own files and what it made itself", () => {
  const own = ["crusader://app/assets/a.js", "blob:crusader://app/1-2", "data:image/png,x"];
  expect(own.map(mayLoad)).toEqual([true, true, true]);
  expect(FOREIGN.filter(mayLoad)).toEqual(["data:text/html,hi"]);
  expect(["blob:https://evil.example/1", "ws://127.0.0.1/", "blob:crusader://app.evil/1"].map(mayLoad)).toEqual([
    false,
    false,
    false,
  ]);
});

test("the system's browser opens https links of known hosts only", () => {
  expect(mayOpenOutside("https://github.com/x/y#z")).toBe(true);
  const refused = [
    "http://github.com/",
    "https://github.com.example/",
    "https://github.com@evil.example/",
    "https://user@github.com/",
    "https://github.com:8443/",
    "https://notgithub.com/",
    "https://evil.example/?github.com",
    ...FOREIGN,
  ];
  expect(refused.filter(mayOpenOutside)).toEqual([]);
});

test("the page may copy text, and use nothing else", () => {
  const permissions = ["clipboard-sanitized-write", "clipboard-read", "media", "geolocation", "notifications", "usb"];
  expect(permissions.filter((permission) => mayUse(permission, "crusader://app/"))).toEqual([
    "clipboard-sanitized-write",
  ]);
  expect(mayUse("clipboard-sanitized-write", "https://evil.example/")).toBe(false);
});

test("a port is for the page of our window, in its main frame", () => {
  const sender = { url: "crusader://app/", isMainFrame: true, isOurWindow: true };
  expect(mayConnect(sender)).toBe(true);
  expect(mayConnect({ ...sender, isMainFrame: false })).toBe(false);
  expect(mayConnect({ ...sender, isOurWindow: false })).toBe(false);
  expect(FOREIGN.filter((url) => mayConnect({ ...sender, url }))).toEqual([]);
});
