/**
 * Why a run did not pass, for people: what production compared, what most likely went wrong - judged from this run's own
 * numbers - and what to try. Facts: spec/evaluation.md sections 1 to 5. Pure.
 */
import type { Check, CheckName, Failure, FailureKind, Note, ValidatorCode } from "./events.ts";
import { formatInteger, formatMfu, formatQuantity, formatShare } from "./format.ts";
import type { Plan, RepeatResult } from "./runs.ts";
import { isFatal } from "./score.ts";

export type Cause = {
  /** `likely`: this run's numbers speak for it. `possible`: they do not speak against it. */
  likelihood: "likely" | "possible";
  /** One sentence. */
  text: string;
  /** Which of this run's numbers say so; empty where none does. */
  evidence: string;
  advice: string;
};

export type Explanation = {
  /** What production compared, or demands. */
  compared: string;
  /** Likely ones first. */
  causes: Cause[];
  /** Whether production would end the whole series here (section 5). */
  endsSeries: boolean;
};

export type ExplainedRepeat = Pick<
  RepeatResult,
  "failure" | "checks" | "notes" | "numRanks" | "strategy" | "parameters"
>;

/** Null when the repeat did not fail. `profile`: the plan's, as it was. */
export function explainFailure(repeat: ExplainedRepeat, profile: Plan["profile"]["content"]): Explanation | null {
  const { failure } = repeat;
  if (failure === null) return null;
  const facts = factsOf(failure, repeat, profile);
  const { compared, causes } = failure.code === null ? BY_KIND[failure.kind] : BY_CODE[failure.code];
  const found = causes(facts).filter((cause) => cause !== null);
  const rank = ({ likelihood }: Cause) => (likelihood === "likely" ? 0 : 1);
  return {
    compared,
    causes: found.toSorted((a, b) => rank(a) - rank(b)),
    endsSeries: isFatal(failure.code),
  };
}

type Facts = {
  failure: Failure;
  check: (name: CheckName) => Check | undefined;
  note: (id: string) => Note | undefined;
  /** One rank's own tokens in the timed run, and their factors; null where the profile does not say. */
  sizes: { batch: number; sequence: number; steps: number } | null;
  numRanks: number;
  dpSize: number;
  tpSize: number;
};

type Explain = { compared: string; causes: (facts: Facts) => (Cause | null)[] };

function factsOf(failure: Failure, repeat: ExplainedRepeat, profile: Plan["profile"]["content"]): Facts {
  const size = (key: string) => {
    const value = profile[key];
    return typeof value === "number" && value > 0 ? value : null;
  };
  const [batch, sequence, steps] = [
    size("benchmark_batch_size"),
    size("benchmark_sequence_length"),
    size("eval_steps"),
  ];
  return {
    failure,
    check: (name) => repeat.checks.find((check) => check.name === name),
    note: (id) => repeat.notes.find((note) => note.id === id),
    sizes: batch === null || sequence === null || steps === null ? null : { batch, sequence, steps },
    numRanks: repeat.numRanks,
    dpSize: repeat.strategy?.dp_size ?? 1,
    tpSize: repeat.strategy?.tp_size ?? 1,
  };
}

function cause(likelihood: Cause["likelihood"], text: string, advice: string, evidence = ""): Cause {
  return { likelihood, text, evidence, advice };
}

const likely = (text: string, advice: string, evidence: string) => cause("likely", text, advice, evidence);
const possible = (text: string, advice: string, evidence = "") => cause("possible", text, advice, evidence);

/** Only where `condition` holds. */
function when(condition: boolean, found: Cause): Cause | null {
  return condition ? found : null;
}

function numberOf(check: Check | undefined): number | null {
  return typeof check?.value === "number" ? check.value : null;
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 0.005 * Math.abs(b);
}

const REFERENCE_OPTIMIZER = "AdamW, learning rate 1e-4, weight decay 0.1, betas 0.9 and 0.95";

// numbers that tell

/** A step that was left out, or done twice, shows in the batches drawn. */
function stepsCause({ note }: Facts): Cause | null {
  const drawn = note("batches_drawn");
  return drawn === undefined
    ? null
    : likely(
        "The timed run did not train on one batch a step.",
        "Draw exactly one batch from data_iterator for each of num_steps steps, on every rank.",
        drawn.message,
      );
}

/** Above the limit by less than this, a share of changed parameters still looks like a frozen part. */
const FROZEN_MARGIN = 0.05;

function frozenCause({ check }: Facts): Cause | null {
  const changed = check("params_changed");
  const share = numberOf(changed);
  if (share === null || typeof changed?.limit !== "number") return null;
  return when(
    share < changed.limit + FROZEN_MARGIN,
    likely(
      "Part of the model was not trained.",
      "Give the optimizer every parameter of the model, and leave requires_grad as it is.",
      `${formatShare(share)} of the parameter elements changed; ${formatShare(changed.limit)} must.`,
    ),
  );
}

function averagingCause({ dpSize }: Facts): Cause | null {
  return when(
    dpSize > 1,
    possible(
      "The gradients are summed over the data groups, or not exchanged, where the reference averages them.",
      "Average the gradients over the data groups, and each of them over its micro-batches.",
      `${dpSize} data groups.`,
    ),
  );
}

function weightCauses(facts: Facts): (Cause | null)[] {
  const weights = facts.check("weights");
  const loss = facts.check("loss");
  const changed = numberOf(facts.check("params_changed"));
  const ratio = weights?.used ?? null;
  const size = ratio === null ? "" : `The weights are ${ratio.toFixed(1)} times as far off as allowed`;
  const lossUsed = loss?.used ?? null;
  const lossIsClose = loss?.state === "passed" && lossUsed !== null && lossUsed < 0.25;
  const where = /most of all in (\S+?)\.?$/.exec(facts.failure.message)?.[1];
  const trained = changed === null ? "" : ` and ${formatShare(changed)} of the parameters changed`;
  return [
    stepsCause(facts),
    frozenCause(facts),
    when(
      lossIsClose && facts.note("batches_drawn") === undefined,
      likely(
        "The update rule is another than the reference's.",
        `Compare with the reference: ${REFERENCE_OPTIMIZER}, no schedule, no gradient clipping.`,
        `${size}, while the loss is close (${formatShare(lossUsed ?? 0)} of its limit used)${trained}.`,
      ),
    ),
    when(
      loss?.state === "failed",
      likely(
        "The model was trained on other data, or for another number of steps.",
        "Train on the batches of data_iterator as they come: all rows, all tokens, each once, in order.",
        `The loss is off too: ${loss?.message ?? ""}`,
      ),
    ),
    when(
      !lossIsClose && loss?.state !== "failed",
      possible(
        "The update rule is another than the reference's.",
        `Compare with the reference: ${REFERENCE_OPTIMIZER}, no schedule, no gradient clipping.`,
      ),
    ),
    averagingCause(facts),
    possible(
      "Precision is lost between the steps, for example by weights or optimizer state kept in fewer bits.",
      "Keep weights and optimizer state as the reference does: bfloat16 weights, updated in place by AdamW.",
    ),
    when(
      where !== undefined,
      possible(
        `One tensor stands out: ${where}.`,
        "Look at how this tensor is sharded, tied, gathered and updated.",
        facts.failure.message,
      ),
    ),
  ];
}

function lossCauses(facts: Facts): (Cause | null)[] {
  const check = facts.check("loss");
  const weights = facts.check("weights");
  const said = /final_loss (\S+), reference (\S+?)\.?$/.exec(check?.message ?? "");
  const [loss, reference] = [Number(said?.[1]), Number(said?.[2])];
  const parts = [2, 3, 4, 6, 8, 12, 16, 24, 32, 64];
  const part = parts.find((count) => isClose(loss * count, reference));
  const sum = parts.find((count) => isClose(loss, reference * count));
  return [
    when(
      part !== undefined,
      likely(
        `The loss was divided by ${part}, as for accumulation, and not put together again.`,
        "Report the mean cross entropy of the last step before dividing it by the number of micro-batches.",
        check?.message ?? "",
      ),
    ),
    when(
      sum !== undefined,
      likely(
        `The loss is a sum over ${sum} parts instead of their mean.`,
        "Report the mean over all tokens of the last step's batch of this rank.",
        check?.message ?? "",
      ),
    ),
    when(
      weights?.state === "passed" && part === undefined && sum === undefined,
      likely(
        "The training is right, only the number reported as final_loss is another.",
        "Report the last step's mean cross entropy: this rank's own data, all tokens, padding too.",
        "The final weights match the reference's.",
      ),
    ),
    stepsCause(facts),
    when(
      weights?.state === "failed",
      likely(
        "The model was trained on other data, or by another rule.",
        `Train on data_iterator's batches as they come, with ${REFERENCE_OPTIMIZER}.`,
        `The weights are off too: ${weights?.message ?? ""}`,
      ),
    ),
    possible(
      "Padding is left out of the loss (ignore_index), or the labels are shifted otherwise.",
      "Inputs are batch[:, :-1], labels batch[:, 1:]; every token counts, padding too.",
    ),
  ];
}

function tokenCauses({ check, sizes, dpSize, numRanks, note }: Facts): (Cause | null)[] {
  const counted = numberOf(check("tokens"));
  const advice = "Add batch.numel() for every batch this rank draws: whole rows, before they are shifted.";
  const fallback = possible("Something else than this rank's own tokens was counted.", advice);
  if (counted === null || sizes === null) return [fallback];
  const { batch, sequence, steps } = sizes;
  const evidence = `${formatInteger(counted)} counted; ${batch} x ${sequence} x ${steps} = ${formatInteger(batch * sequence * steps)} expected.`;
  const perStep = batch * sequence;
  const groups = counted === perStep * steps * dpSize && dpSize > 1;
  const ranks = counted === perStep * steps * numRanks && numRanks > 1 && !groups;
  const shifted = counted === batch * (sequence - 1) * steps;
  const otherSteps = counted !== perStep * steps && counted % perStep === 0 && !groups && !ranks && !shifted;
  return [
    when(groups, likely("The tokens of all data groups were added up.", advice, evidence)),
    when(ranks, likely("The tokens of all ranks were added up.", advice, evidence)),
    when(shifted, likely("The shifted labels were counted, one token a row short.", advice, evidence)),
    when(
      otherSteps,
      likely(
        `The tokens of ${formatInteger(counted / perStep)} instead of ${formatInteger(steps)} steps were counted.`,
        note("batches_drawn") === undefined ? advice : "Train on and count one batch for each of num_steps steps.",
        [evidence, note("batches_drawn")?.message ?? ""].filter((part) => part !== "").join(" "),
      ),
    ),
    groups || ranks || shifted || otherSteps ? null : fallback,
  ];
}

function changedCauses(facts: Facts): (Cause | null)[] {
  const share = numberOf(facts.check("params_changed"));
  return [
    when(
      share === 0,
      likely(
        "No weight changed: the optimizer never stepped, or final_state is a copy from before the training.",
        "Build an optimizer in inner_steps (the one passed in is always None), step it each step, and read final_state last.",
        "0 % of the parameter elements changed.",
      ),
    ),
    stepsCause(facts),
    when(
      share !== null && share > 0,
      likely(
        "Part of the model was not trained.",
        "Give the optimizer every parameter of the model; a tied or sharded one must reach it too.",
        `${formatShare(share ?? 0)} of the parameter elements changed by more than 1e-6.`,
      ),
    ),
    possible(
      "The learning rate is so small that most bfloat16 weights round back to what they were.",
      `The reference uses ${REFERENCE_OPTIMIZER}.`,
    ),
  ];
}

function stateCauses({ check, numRanks, tpSize, failure }: Facts): (Cause | null)[] {
  const present = numberOf(check("final_state"));
  return [
    when(
      failure.code === "incomplete_final_state" && present === 0,
      likely(
        "The names carry a wrapper's prefix, such as DDP's module. or a compiled model's.",
        "Read the state dict of the model inside the wrapper, under the original parameter names.",
        "None of the reference's names is in final_state.",
      ),
    ),
    when(
      failure.code === "incomplete_final_state" && present !== null && present > 0,
      likely(
        "Only part of the state was gathered.",
        "Gather the full, unsharded state dict on rank 0.",
        failure.message,
      ),
    ),
    when(
      failure.code === "invalid_final_state_shape" && numRanks > 1,
      likely(
        "A shard, or a flattened or padded parameter, was returned instead of the whole tensor.",
        tpSize > 1
          ? "Put tensor-parallel shards together, for example with full_tensor()."
          : "Gather FSDP's parameters unsharded and unflattened before reading them.",
        failure.message,
      ),
    ),
    when(
      failure.code === "missing_final_state",
      possible("inner_steps returned no final_state on rank 0.", "Return the full state dict on the CPU, on rank 0."),
    ),
    when(
      failure.code === "missing_final_state",
      possible(
        "final_state is a lazy dictionary, or holds values that are no plain tensors.",
        "Return a plain dict of CPU tensors.",
      ),
    ),
    when(
      failure.code === "invalid_final_state_shape" && numRanks === 1,
      possible("A tensor was reshaped or resized.", "Return each tensor in the model's own shape.", failure.message),
    ),
  ];
}

function sequenceCauses({ check }: Facts): (Cause | null)[] {
  const [positions, expected] = [numberOf(check("sequence")), check("sequence")?.limit];
  if (positions === null || typeof expected !== "number") return [shorterSequence("")];
  const evidence = `${formatInteger(positions)} positions; ${formatInteger(expected)} expected.`;
  return [
    when(
      positions === expected + 1,
      likely(
        "The model was given whole rows, also their last token.",
        "Inputs are batch[:, :-1], labels batch[:, 1:].",
        evidence,
      ),
    ),
    when(positions < expected, shorterSequence(evidence)),
    when(
      positions > expected + 1,
      possible("Rows were put together.", "Keep each row a sequence of its own.", evidence),
    ),
  ];
}

function shorterSequence(evidence: string): Cause {
  return cause(
    evidence === "" ? "possible" : "likely",
    "The sequences were cut, or split between ranks.",
    "Train on whole sequences; where ranks share a sequence, gather the logits along it.",
    evidence,
  );
}

function logitsCauses({ check, tpSize }: Facts): (Cause | null)[] {
  const [size, expected] = [numberOf(check("vocabulary")), check("vocabulary")?.limit];
  const shard = size !== null && typeof expected === "number" && tpSize > 1 && isClose(size * tpSize, expected);
  return [
    when(
      shard,
      likely(
        "Each tensor-parallel rank returned its own part of the vocabulary.",
        "Gather the logits over the tensor-parallel ranks before returning them.",
        `${formatInteger(size ?? 0)} entries of ${String(expected)}, ${tpSize} tensor-parallel ranks.`,
      ),
    ),
    possible(
      "final_logits was flattened for the loss, or is another tensor.",
      "Return the last forward pass's output as it is: batch x (sequence - 1) x vocabulary.",
    ),
  ];
}

function exceptionCauses({ failure, numRanks }: Facts): (Cause | null)[] {
  const text = `${failure.message}\n${failure.detail}`;
  const matches = (pattern: RegExp) => pattern.exec(text)?.[0] ?? null;
  const none = matches(/'NoneType' object has no attribute '(?:step|zero_grad|param_groups|state_dict)'/);
  const keyword = matches(/inner_steps\(\) (?:got an unexpected keyword argument|missing)[^\n]*/);
  const memory = matches(/CUDA out of memory|DefaultCPUAllocator: can't allocate memory|MemoryError/);
  const network = matches(/Name or service not known|Temporary failure in name resolution|Network is unreachable/);
  const readOnly = matches(/Read-only file system/);
  const absent = matches(/ModuleNotFoundError: No module named [^\n]*/);
  return [
    none === null
      ? null
      : likely(
          "The optimizer passed in was used; it is always None.",
          "Build your own optimizer in inner_steps.",
          none,
        ),
    keyword === null
      ? null
      : likely(
          "inner_steps does not take the names it is called with.",
          "Name them model, data_iterator, optimizer, num_steps, device, num_gpus: all six come as keywords.",
          keyword,
        ),
    memory === null
      ? null
      : likely("The ranks ran out of memory.", "Shard more, or hold fewer activations at once.", memory),
    network === null
      ? null
      : likely("The file wants the network; there is none.", "Bring along all it needs.", network),
    readOnly === null ? null : likely("The file writes where it may not.", "Write below /tmp only.", readOnly),
    absent === null
      ? null
      : likely("A module is not part of the environment.", "Use what the production image has.", absent),
    possible(
      failure.line === null
        ? "The traceback below names the place."
        : `The traceback below leads to line ${failure.line}.`,
      numRanks > 1 ? "Try it with one rank first, where the strategy allows." : "Run it again with the same seed.",
    ),
  ];
}

function speedCauses({ check }: Facts): (Cause | null)[] {
  const minimum = check("min_mfu");
  const mfu = numberOf(minimum);
  return [
    mfu === null || typeof minimum?.limit !== "number"
      ? null
      : likely(
          "The timed run took too long.",
          `It must take at most ${formatShare(mfu / minimum.limit)} of its time; profile one step to see where it goes.`,
          `MFU ${formatMfu(mfu)} of ${formatMfu(minimum.limit)} at least.`,
        ),
  ];
}

function waitCauses({ check }: Facts): (Cause | null)[] {
  const state = check("deferred_state");
  const seconds = numberOf(state);
  return [
    when(
      seconds !== null && typeof state?.limit === "number" && seconds > state.limit,
      likely(
        "Reading final_state takes long: it is gathered or copied only then.",
        "Gather final_state into plain CPU tensors before inner_steps returns.",
        `${formatQuantity(seconds ?? 0, "s")} of ${formatQuantity(Number(state?.limit ?? 0), "s")} at most.`,
      ),
    ),
    possible(
      "Asynchronous copies or collectives were still under way when inner_steps returned.",
      "Synchronize before returning; wait for every handle.",
    ),
  ];
}

const none = () => [];

const BY_CODE: Record<ValidatorCode, Explain> = {
  no_code: {
    compared: "Production needs a file with code.",
    causes: () => [possible("The file is empty.", "Start from a template.")],
  },
  syntax_error: {
    compared: "Production parses the file with Python 3.11 before anything else.",
    causes: ({ failure }) => [
      possible(
        "The file uses syntax that Python 3.11 does not know, or a bracket is open.",
        "Look at the line named.",
        failure.message,
      ),
    ],
  },
  missing_inner_steps: {
    compared: "Production looks for a plain def inner_steps with at least 5 positional parameters.",
    causes: () => [
      possible(
        "It is missing, asynchronous, or has fewer parameters.",
        "Define inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1).",
      ),
    ],
  },
  invalid_return_type: {
    compared: "Production wants an object with final_logits, total_tokens and final_loss, of a plain class.",
    causes: () => [
      possible(
        "A tuple, dictionary or lazy proxy was returned.",
        "Return a dataclass with these attributes and final_state.",
      ),
    ],
  },
  insufficient_trainable_params: {
    compared: "After the warm-up every parameter of the model must still be trainable.",
    causes: () => [possible("inner_steps freezes parameters.", "Leave requires_grad of every parameter True.")],
  },
  missing_logits: {
    compared: "Production needs the last step's logits.",
    causes: () => [
      possible(
        "A fused loss never makes the logits, or another rank holds them.",
        "Compute the last step's logits and return them on rank 0.",
      ),
    ],
  },
  invalid_logits_shape: {
    compared: "final_logits has three dimensions, and its last is the reference's vocabulary.",
    causes: logitsCauses,
  },
  sequence_truncation: {
    compared: "final_logits covers the sequence length less one.",
    causes: sequenceCauses,
  },
  insufficient_mfu: { compared: "MFU must reach the profile's min_mfu.", causes: speedCauses },
  implausible_mfu: {
    compared: "MFU above the profile's max_plausible_mfu is taken for an error or a cheat.",
    causes: (facts) => [
      stepsCause(facts),
      possible(
        "Work is skipped, or done outside the clock.",
        "Do every step's forward, backward and update inside inner_steps.",
      ),
    ],
  },
  timer_tampering: {
    compared: "Three clocks around the timed run must agree, and torch's functions must be the originals.",
    causes: ({ check }) => [
      possible(
        "A clock or a function of torch was replaced, or a rank's clocks drifted on a busy machine.",
        "Leave clocks, CUDA events and torch's functions alone; run again while the machine is idle.",
        check("clocks")?.message ?? "",
      ),
    ],
  },
  timer_source_unavailable: {
    compared: "The time that counts comes from CUDA events.",
    causes: () => [possible("CUDA events could not be used.", "Leave torch.cuda.Event as it is.")],
  },
  config_tampering: {
    compared:
      "model.config is compared with what it was before the timed run, except use_cache, output_hidden_states, output_attentions and return_dict.",
    causes: ({ check }) => [
      possible(
        "The file sets model.config.",
        "Pass options to the forward call instead.",
        String(check("model_config")?.value ?? ""),
      ),
    ],
  },
  deferred_computation: {
    compared: "Reading final_state after the clock stopped may take at most half of the timed span.",
    causes: waitCauses,
  },
  functional_tampering: {
    compared: "torch.nn.functional.cross_entropy must be the original after the import and after the timed run.",
    causes: () => [possible("The file, or a library it imports, replaces it.", "Call your own loss by its own name.")],
  },
  execution_failed: {
    compared: "The settings of torch.backends and the float32 matmul precision are compared with what production set.",
    causes: ({ check }) => [
      possible(
        "The file changes them and does not put them back.",
        "Restore them before inner_steps returns.",
        check("backend_state")?.message ?? "",
      ),
    ],
  },
  missing_final_state: { compared: "Rank 0 must return the model's full state.", causes: stateCauses },
  incomplete_final_state: {
    compared: "final_state must have every name of the reference's state; more names are dropped.",
    causes: stateCauses,
  },
  invalid_final_state_shape: {
    compared: "Every tensor of final_state must have the reference's shape.",
    causes: stateCauses,
  },
  insufficient_params_changed: {
    compared: "The share of parameter elements that moved by more than 1e-6 must reach min_params_changed_ratio.",
    causes: changedCauses,
  },
  token_count_mismatch: {
    compared: "total_tokens must be batch size x sequence length x steps, of rank 0's own batches.",
    causes: tokenCauses,
  },
  loss_mismatch: {
    compared:
      "final_loss is compared with the reference's: the mean cross entropy of the last step over all tokens of rank 0's data.",
    causes: lossCauses,
  },
  shape_mismatch: { compared: "Every tensor of final_state must have the reference's shape.", causes: stateCauses },
  weight_nan_injection: {
    compared: "Every element of final_state must be finite.",
    causes: () => [
      possible(
        "The training diverged, or divided by zero.",
        "Check the loss step by step, the learning rate and the precision of reductions.",
      ),
      possible("Memory was returned before it was filled.", "Synchronize before reading final_state."),
    ],
  },
  weight_mismatch: {
    compared:
      "The distance between the final weights and the reference's, relative to the reference's norm, over the whole state.",
    causes: weightCauses,
  },
};

const BY_KIND: Record<FailureKind, Explain> = {
  scan: {
    compared: "Production reads the file before it runs anything; the first violation is its verdict.",
    causes: ({ failure }) => [
      possible(
        failure.line === null
          ? "The file breaks a rule of the scan."
          : `Line ${failure.line} breaks a rule of the scan.`,
        "Change that line; Problems lists every finding of the file.",
        failure.message,
      ),
    ],
  },
  topology: {
    compared: "get_strategy() is read without running it; its dp_size times tp_size must equal the number of GPUs.",
    causes: ({ numRanks }) => [
      possible(
        "The strategy and the number of ranks do not fit, or the return is no literal.",
        'Return a literal from get_strategy: "ddp", "fsdp", "tp" or {"dp_size": ..., "tp_size": ...}.',
        `The run has ${numRanks} ${numRanks === 1 ? "rank" : "ranks"}.`,
      ),
    ],
  },
  needs_cuda: {
    compared: "A rehearsal runs on CPU ranks.",
    causes: ({ failure }) => [
      possible(
        "The file needs CUDA.",
        "Guard that line, or start with CUDA's needs ignored if it is never reached.",
        failure.message,
      ),
    ],
  },
  exception: { compared: "inner_steps must end without an exception, on every rank.", causes: exceptionCauses },
  check: {
    compared: "Each check has a value and a limit; the first that fails is the verdict.",
    causes: ({ failure }) => [possible(failure.message, failure.hint)],
  },
  result: {
    compared: "inner_steps must return an object with final_logits, total_tokens (int) and final_loss (float).",
    causes: ({ failure }) => [
      possible(failure.message, failure.hint === "" ? "Return a dataclass with plain numbers." : failure.hint),
    ],
  },
  timeout: {
    compared: "Production ends a run that takes longer than eval_timeout allows.",
    causes: ({ numRanks, failure }) => [
      when(
        numRanks > 1,
        possible(
          "One rank waits in a collective that another never enters.",
          "Let every rank take the same collectives in the same order, also when it saves or reports something.",
          failure.message,
        ),
      ),
      possible("The training is too slow for its limit.", "See which stage took how long."),
    ],
  },
  rank_exited: {
    compared: "Every rank must live until its last message.",
    causes: ({ failure }) => [
      possible("The process crashed or left by itself.", "The end of the log shows its last words.", failure.message),
    ],
  },
  protocol: {
    compared: "The ranks report through a channel of their own.",
    causes: ({ failure }) => [
      failure.fault === "environment"
        ? possible(
            "Production's code gave a result that cannot be right: something in its process changed it, or this revision counts otherwise.",
            "Judge the file by Crusader's own evaluation, whose result no submission can reach.",
            failure.message,
          )
        : possible("The file wrote to a channel that is not its own.", "Print to stdout only."),
    ],
  },
  memory: {
    compared: "The profile limits each rank's memory.",
    causes: ({ failure }) => [
      possible(
        "More is held than needed: copies of the state, logits of every step.",
        "Free what is not used any more.",
        failure.message,
      ),
    ],
  },
  processes: {
    compared: "The profile limits how many processes the ranks start.",
    causes: () => [possible("Data loaders or compilers start many workers.", "Load and compile in the rank itself.")],
  },
  environment: { compared: "Nothing was judged: the machine lacks something.", causes: none },
  internal: { compared: "Nothing was judged: Crusader itself failed.", causes: none },
  cancelled: { compared: "Nothing was judged to the end: the run was cancelled.", causes: none },
};
