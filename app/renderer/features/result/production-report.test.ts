import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { ProductionReport } from "./production-report.tsx";

test("what the submission's process told is shown as it is, and reorders nothing", () => {
  const production = {
    evaluationSeconds: 12,
    totalTokens: null,
    diagnostics: [{ name: "a\u202eb", value: "<b>1</b>\u2066\n2" }],
    diagnosticsLeftOut: 0,
  };
  const markup = renderToStaticMarkup(createElement(ProductionReport, { production }));
  expect(markup).toContain('<th scope="row">a\ufffdb</th><td>&lt;b&gt;1&lt;/b&gt;\ufffd\n2</td>');
});
