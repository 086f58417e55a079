import { Modal, TextInput } from "@mantine/core";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { notifyError } from "./notifications.ts";
import { hideQuickInput, type QuickItem, type QuickPick, type QuickText, quickInput } from "./quick-input.ts";
import classes from "./quick-input-view.module.css";
import { ranked } from "./ranking.ts";

export function QuickInputView() {
  const { shown } = useStore(quickInput);
  return (
    <Modal
      opened={shown !== null}
      onClose={hideQuickInput}
      returnFocus={false}
      withCloseButton={false}
      padding={0}
      size="36rem"
      yOffset="3rem"
      attributes={{ content: { "aria-label": shown?.label ?? "" } }}
      overlayProps={{ backgroundOpacity: 0.25 }}
    >
      {shown?.kind === "pick" && <Pick key={shown.label} pick={shown} />}
      {shown?.kind === "text" && <Text key={shown.label} text={shown} />}
    </Modal>
  );
}

const run = (action: () => void | Promise<void>) => {
  const ran = async () => action();
  ran().catch((thrown: unknown) => notifyError(thrown));
};

/** The dialog gives the focus to what it opens with; what takes the place of that asks for it itself. */
function useFocusAtFirst() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return input;
}

type Found = { query: string; items: readonly QuickItem[] };

function Pick({ pick }: { pick: QuickPick }) {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<Found | null>(null);
  const [chosen, setChosen] = useState(0);
  /** Enter was pressed before anything was there to take. */
  const [acceptsFirst, setAcceptsFirst] = useState(false);
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const input = useFocusAtFirst();
  const local = useMemo(() => ranked(pick.items(), query), [pick, query]);
  const isComplete = pick.more === undefined || found?.query === query;
  const items = found?.query === query ? [...local, ...found.items] : local;

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    pick.more?.(query, signal).then(
      (more) => {
        if (!signal.aborted) setFound({ query, items: more });
      },
      (thrown: unknown) => {
        if (signal.aborted) return;
        setFound({ query, items: [] });
        notifyError(thrown);
      },
    );
    return () => controller.abort();
  }, [pick, query]);

  useEffect(() => {
    list.current?.children[chosen]?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  const accept = (item: QuickItem) => {
    hideQuickInput();
    run(item.run);
  };
  const [first] = items;
  useEffect(() => {
    if (!acceptsFirst || first === undefined) return;
    hideQuickInput();
    run(first.run);
  }, [acceptsFirst, first]);
  const optionId = (index: number) => `${listId}-${index}`;
  const count = items.length;
  return (
    <>
      <TextInput
        data-autofocus
        ref={input}
        className={classes.input}
        size="sm"
        role="combobox"
        aria-label={pick.label}
        aria-expanded
        aria-controls={listId}
        aria-activedescendant={count === 0 ? undefined : optionId(chosen)}
        aria-autocomplete="list"
        placeholder={pick.placeholder}
        value={query}
        onChange={(event) => {
          setQuery(event.currentTarget.value);
          setChosen(0);
          setAcceptsFirst(false);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
          if (step !== undefined && count > 0) {
            event.preventDefault();
            const jump = Math.abs(step) === 1 ? (chosen + step + count) % count : chosen + step;
            setChosen(Math.min(count - 1, Math.max(0, jump)));
          } else if (event.key === "Enter") {
            event.preventDefault();
            const item = items[chosen];
            if (item !== undefined) accept(item);
            else if (!isComplete) setAcceptsFirst(true);
          }
        }}
      />
      <div className={classes.list} role="listbox" id={listId} aria-label={pick.label} ref={list}>
        {items.map((item, index) => (
          <div
            key={item.id}
            id={optionId(index)}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className={classes.item}
            onPointerDown={(event) => {
              event.preventDefault();
              accept(item);
            }}
          >
            <span className={classes.title}>{item.title}</span>
            <span className={classes.detail}>{item.detail}</span>
            <span className={classes.hint}>{item.hint}</span>
          </div>
        ))}
      </div>
      {isComplete && count === 0 && <output className={classes.none}>Nothing fits.</output>}
    </>
  );
}

function Text({ text }: { text: QuickText }) {
  const [value, setValue] = useState(text.value);
  const input = useFocusAtFirst();
  const problem = value === text.value && text.value !== "" ? null : text.problem(value);
  useEffect(() => {
    input.current?.setSelectionRange(0, text.selected ?? text.value.length);
  }, [text, input]);
  return (
    <TextInput
      data-autofocus
      ref={input}
      className={classes.input}
      size="sm"
      label={text.label}
      value={value}
      error={value === "" ? undefined : problem}
      onChange={(event) => setValue(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || text.problem(value) !== null) return;
        event.preventDefault();
        hideQuickInput();
        run(() => text.accept(value));
      }}
    />
  );
}
