/** A thread of its own for what takes seconds and half a gigabyte: the key of an encrypted key file from its password. */
import { parentPort, workerData } from "node:worker_threads";
import { argon2i } from "hash-wasm";

/** `password`: in UTF-8; overwritten once it was used. */
export type KeyWorkerSetup = { password: Uint8Array<ArrayBuffer>; salt: Uint8Array };

/** libsodium's limits "sensitive". */
const PASSES = 8;
const MEMORY_KIB = 512 * 1024;

const { password, salt } = workerData as KeyWorkerSetup;
const key = await argon2i({
  password,
  salt,
  iterations: PASSES,
  memorySize: MEMORY_KIB,
  parallelism: 1,
  hashLength: 32,
  outputType: "binary",
});
password.fill(0);
parentPort?.postMessage(key, [key.buffer as ArrayBuffer]);
