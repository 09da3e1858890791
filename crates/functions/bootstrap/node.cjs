// Runs a Node function: takes events from the Lambda Runtime API, calls the handler, posts what it returns.
//
// There are two generations of rules for handlers, and a function gets those of the runtime it asks for, whatever Node runs
// it: `callbacks` (up to nodejs22.x) or `promises` (from nodejs24.x on). They come as the first argument.
"use strict";

const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const util = require("node:util");
const { Writable } = require("node:stream");
const { pathToFileURL } = require("node:url");

const rules = process.argv[2] === "promises" ? "promises" : "callbacks";
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const taskRoot = process.env.LAMBDA_TASK_ROOT;
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const UNCAUGHT_EXIT = 129;
const REJECTION_EXIT = 128;

// Our arguments are read, and none of the function's business.
process.argv.splice(1, 2, path.join(taskRoot, "bootstrap"));

class RuntimeError extends Error {
  constructor(type, message) {
    super(message);
    this.name = type;
  }
}

// --- The Runtime API ---

/**
 * A kept connection, whose answers come in the order of its calls. It speaks just the HTTP that the server behind it does: answers
 * have a `Content-Length`. Node's own client would take longer over a call than most handlers over an event.
 */
class Connection {
  isOpen = true;
  /** The last call waits for an event: whatever is called behind it would wait as well. */
  isAsking = false;
  #calls = [];
  #pieces = [];
  #length = 0;
  #answer;

  constructor() {
    this.#socket = net.connect({ host, port: Number(port), noDelay: true });
    this.#socket.on("data", (piece) => this.#take(piece));
    this.#socket.on("error", (error) => this.#end(error));
    this.#socket.on("close", () => this.#end(new Error("the Runtime API closed the connection")));
  }
  #socket;

  call(method, route, headers, body) {
    const fields = Object.entries({ Host: `${host}:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `${method} /2018-06-01/runtime/${route} HTTP/1.1\r\n${fields.join("")}\r\n`;
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(new Error("the Runtime API closed the connection"));
      this.#calls.push({ resolve, reject });
      // While nothing is called, the connection is no reason for the process to go on.
      this.#socket.ref();
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      if (body) this.#socket.write(body);
      this.#socket.uncork();
    });
  }

  #take(piece) {
    this.#pieces.push(piece);
    this.#length += piece.length;
    while (this.#calls.length > 0) {
      this.#answer ??= this.#readHead();
      if (!this.#answer || this.#length < this.#answer.end) return;
      const { status, headers, start, end } = this.#answer;
      const whole = this.#whole();
      this.#keep(whole.subarray(end));
      this.#answer = undefined;
      const { resolve } = this.#calls.shift();
      if (this.#calls.length === 0) {
        this.isAsking = false;
        this.#socket.unref();
      }
      resolve({ status, headers, body: whole.subarray(start, end) });
    }
  }

  #readHead() {
    const whole = this.#whole();
    const end = whole.indexOf("\r\n\r\n");
    if (end < 0) return this.#keep(whole);
    const [first, ...lines] = whole.toString("latin1", 0, end).split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    this.#keep(whole);
    const start = end + 4;
    return { status: Number(first.split(" ")[1]), headers, start, end: start + Number(headers["content-length"] ?? 0) };
  }

  #whole() {
    return this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
  }

  #keep(bytes) {
    this.#pieces = bytes.length > 0 ? [bytes] : [];
    this.#length = bytes.length;
  }

  #end(error) {
    this.isOpen = false;
    for (const { reject } of this.#calls.splice(0)) reject(error);
  }
}

let connection;

function call(method, route, headers, body) {
  if (!connection?.isOpen) connection = new Connection();
  // What ends the process is told although an event is being waited for.
  return (connection.isAsking ? new Connection() : connection).call(method, route, headers, body);
}

function post(route, body, headers = {}) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  return call("POST", route, { "Content-Type": "application/json", "Content-Length": bytes.length, ...headers }, bytes);
}

async function next() {
  const asked = call("GET", "invocation/next", {});
  connection.isAsking = true;
  const { status, headers, body } = await asked;
  if (status !== 200) throw new Error(`the Runtime API answered ${status}: ${body}`);
  return { headers, body };
}

// --- Errors, as callers and logs see them ---

function isError(value) {
  return value instanceof Error || util.types.isNativeError(value) || Object.prototype.toString.call(value) === "[object Error]";
}

function report(error) {
  if (!isError(error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  const trace = String(error.stack ?? "").split("\n");
  return { errorType: String(error.name), errorMessage: String(error.message), trace };
}

/** What does not fit into the pipe is written later; it belongs to this invocation all the same. */
async function flush() {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((written) => stream.write("", written));
  }
}

/** The error with everything somebody hung on it, for the log. */
function detailed(error) {
  if (!isError(error)) return report(error);
  const { errorType, errorMessage, trace } = report(error);
  const own = Object.fromEntries(Object.getOwnPropertyNames(error).filter((key) => key !== "stack" && key !== "message").map((key) => [key, error[key]]));
  return { errorType, errorMessage, ...own, stack: trace };
}

function text(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return JSON.stringify(report(new Error("an error that JSON cannot express")));
  }
}

function postError(route, error) {
  const body = report(error);
  const type = /^(Runtime|Function)\.\w+$/.test(body.errorType) ? body.errorType : `Unhandled`;
  return post(route, text({ ...body, ...(error instanceof RuntimeError && "reason" in error ? { reason: report(error.reason) } : {}) }), {
    "Lambda-Runtime-Function-Error-Type": type,
  });
}

// --- The console ---

let requestId;
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const lowest = json ? Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? "TRACE").toUpperCase())) : 0;

function write(level, values) {
  if (LEVELS.indexOf(level) < lowest) return;
  const timestamp = new Date().toISOString();
  if (json) {
    const error = values.find(isError);
    const plain = values.length === 1 && !error && (() => { try { JSON.stringify(values[0]); return true; } catch { return false; } })();
    const message = plain ? values[0] : util.format(...values);
    const line = { timestamp, level, requestId, message };
    if (error) Object.assign(line, { errorType: error.name, errorMessage: error.message, stackTrace: String(error.stack).split("\n") });
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } else {
    // A call is one line of the log; its own line breaks become carriage returns.
    process.stdout.write(`${timestamp}\t${requestId}\t${level}\t${util.format(...values).replace(/\n/g, "\r")}\n`);
  }
}

console.log = (...values) => write("INFO", values);
console.info = (...values) => write("INFO", values);
console.debug = (...values) => write("DEBUG", values);
console.warn = (...values) => write("WARN", values);
console.error = (...values) => write("ERROR", values);
console.fatal = (...values) => write("FATAL", values);
console.trace = (...values) => write("TRACE", [util.format(...values), new Error().stack.split("\n").slice(2).join("\n")]);

function log(title, error) {
  if (json) write("ERROR", [isError(error) ? error : report(error)]);
  else write("ERROR", [`${title} \t${text(detailed(error))}`]);
}

// --- Streamed responses, gathered ---

class ResponseStream extends Writable {
  #pieces = [];
  contentType = "application/octet-stream";
  setContentType(contentType) {
    this.contentType = contentType;
  }
  setIsBase64Encoded() {}
  _write(piece, encoding, done) {
    this.#pieces.push(Buffer.from(piece, encoding));
    done();
  }
  write(piece, ...rest) {
    const isText = typeof piece === "string" || piece instanceof Uint8Array;
    return super.write(isText ? piece : JSON.stringify(piece), ...rest);
  }
  whole() {
    return Buffer.concat(this.#pieces);
  }
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMING] = "response";
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

// --- The handler ---

/** Whether the nearest package.json makes `.js` files ES modules. */
function isModule(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const description = path.join(folder, "package.json");
    if (fs.existsSync(description)) {
      try {
        return JSON.parse(fs.readFileSync(description, "utf8")).type === "module";
      } catch {
        return false;
      }
    }
    if (folder === path.dirname(folder) || path.basename(folder) === "node_modules") return false;
  }
}

/** ES modules do not search NODE_PATH, where layers and what Lambda brings along are; on Lambda they do. */
function searchNodePath() {
  const folders = (process.env.NODE_PATH ?? "").split(":").filter((folder) => path.basename(folder) === "node_modules");
  const { register } = require("node:module");
  if (folders.length === 0 || !register) return;
  const parents = folders.map((folder) => pathToFileURL(path.join(folder, "..", "any.js")).href);
  const hook = `const parents = ${JSON.stringify(parents)};
    export async function resolve(specifier, context, next) {
      try {
        return await next(specifier, context);
      } catch (error) {
        if (error.code !== "ERR_MODULE_NOT_FOUND" || /^[./]|^[a-z]+:/.test(specifier)) throw error;
        for (const parentURL of parents) {
          try {
            return await next(specifier, { ...context, parentURL });
          } catch {}
        }
        throw error;
      }
    }`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}

function importModule(file) {
  if (file.endsWith(".mjs") || (file.endsWith(".js") && isModule(file))) searchNodePath();
  return import(pathToFileURL(file).href);
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

async function load(folder, name) {
  const file = path.resolve(taskRoot, folder, name);
  if (rules === "promises") {
    const found = ["", ".js", ".mjs", ".cjs"].map((end) => file + end).find(isFile);
    if (found) return importModule(found);
  } else {
    if (isFile(file)) return require(file);
    if (isFile(`${file}.js`)) return isModule(`${file}.js`) ? importModule(`${file}.js`) : require(`${file}.js`);
    if (isFile(`${file}.mjs`)) return importModule(`${file}.mjs`);
    if (isFile(`${file}.cjs`)) return require(`${file}.cjs`);
    try {
      return require(require.resolve(name, { paths: [taskRoot, path.join(taskRoot, folder)] }));
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new RuntimeError("Runtime.ImportModuleError", `Error: Cannot find module '${name}'\nRequire stack:\n- ${__filename}`);
}

async function imported(folder, name) {
  try {
    return await load(folder, name);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    if (error instanceof SyntaxError) throw named("Runtime.UserCodeSyntaxError", error);
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error?.code)) throw named("Runtime.ImportModuleError", error);
    throw error;
  }
}

function named(type, cause) {
  const error = new RuntimeError(type, String(cause));
  error.stack = cause.stack ? `${type}: ${cause.stack}` : error.stack;
  return error;
}

async function findHandler() {
  const whole = process.env._HANDLER;
  if (whole.includes("..")) {
    const advice = "Use absolute paths when specifying root directories in handler names.";
    throw new RuntimeError("Runtime.MalformedHandlerName", `'${whole}' is not a valid handler name. ${advice}`);
  }
  const base = path.basename(whole);
  const dot = base.indexOf(".");
  if (dot < 0) throw new RuntimeError("Runtime.MalformedHandlerName", "Bad handler");
  const folder = whole.slice(0, whole.length - base.length);
  const module = await imported(folder, base.slice(0, dot));
  const follow = (from) => base.slice(dot + 1).split(".").reduce((value, key) => value?.[key], from);
  const handler = follow(module) ?? (rules === "promises" ? follow(module.default) : undefined);
  if (handler === undefined || handler === null) {
    throw new RuntimeError("Runtime.HandlerNotFound", `${whole} is undefined or not exported`);
  }
  if (typeof handler !== "function") throw new RuntimeError("Runtime.HandlerNotFound", `${whole} is not a function`);
  if (rules === "promises" && handler.length >= 3 && !handler[STREAMING]) {
    const advice = "Use an async function or return a promise instead.";
    const message = `AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. ${advice}`;
    throw new RuntimeError("Runtime.CallbackHandlerDeprecated", message);
  }
  return handler;
}

// --- One invocation ---

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const parsed = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed("lambda-runtime-client-context"),
    identity: parsed("lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function stringified(result) {
  if (Buffer.isBuffer(result) && result[STREAMING]) return result;
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch {
    const message = "Unable to stringify response body";
    throw rules === "promises" ? new RuntimeError("Runtime.JSONStringifyError", message) : new Error(message);
  }
}

async function streamed(handler, event, context) {
  const stream = new ResponseStream();
  const finished = new Promise((resolve, reject) => stream.on("finish", resolve).on("error", reject));
  await handler(event, stream, context);
  await finished;
  return Object.assign(stream.whole(), { [STREAMING]: true });
}

/** Resolves to what is posted: the first completion counts. */
function outcome(handler, event, context) {
  if (handler[STREAMING]) return streamed(handler, event, context);
  if (rules === "promises") return Promise.resolve().then(() => handler(event, context));
  return new Promise((resolve, reject) => {
    let waits = true;
    let result;
    // What a callback hands over waits until nothing is left to do; so does a handler that hands over nothing.
    const whenIdle = () => settle(result);
    const settle = (completion) => {
      process.removeListener("beforeExit", whenIdle);
      if (completion?.error) reject(completion.error.value);
      else resolve(completion?.value);
    };
    process.on("beforeExit", whenIdle);
    Object.defineProperty(context, "callbackWaitsForEmptyEventLoop", {
      enumerable: true,
      get: () => waits,
      set: (value) => (waits = value),
    });
    const callback = (error, value) => {
      if (result) return;
      result = error === undefined || error === null ? { value } : { error: { value: error } };
      if (!waits || result.error) setImmediate(() => settle(result));
    };
    const done = (error, value) => {
      waits = false;
      callback(error, value);
    };
    Object.assign(context, {
      done,
      succeed: (value) => done(null, value),
      fail: (error) => done(error ?? new Error("handled")),
    });
    const settled = (completion) => {
      if (result) return;
      result = completion;
      settle(completion);
    };
    try {
      const returned = handler(event, context, callback);
      if (typeof returned?.then === "function") {
        returned.then((value) => settled({ value }), (error) => settled({ error: { value: error } }));
      }
    } catch (error) {
      settled({ error: { value: error } });
    }
  });
}

async function serve(handler) {
  for (let event = await next(); ; ) {
    const { headers, body } = event;
    requestId = headers["lambda-runtime-aws-request-id"];
    const trace = headers["lambda-runtime-trace-id"];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    else delete process.env._X_AMZN_TRACE_ID;
    const invocation = requestId;
    let posted;
    try {
      const result = await outcome(handler, JSON.parse(body.toString("utf8")), contextOf(headers));
      const answer = stringified(result);
      await flush();
      posted = post(`invocation/${invocation}/response`, answer);
    } catch (error) {
      log("Invoke Error", error);
      await flush();
      posted = postError(`invocation/${invocation}/error`, error);
    }
    // Asked right behind the answer, so that the next event need not wait for a round trip.
    [event] = await Promise.all([next(), posted]);
  }
}

/** Something outside of the handler's own promise went wrong: the process cannot be trusted any more. */
async function giveUp(title, error, exitCode) {
  log(title, error);
  if (rules === "callbacks") {
    const route = requestId ? `invocation/${requestId}/error` : "init/error";
    await postError(route, error).catch(() => {});
  }
  process.exit(rules === "callbacks" ? exitCode : 1);
}

process.on("uncaughtException", (error) => giveUp("Uncaught Exception", error, UNCAUGHT_EXIT));
process.on("unhandledRejection", (reason) => {
  const error = new RuntimeError("Runtime.UnhandledPromiseRejection", String(reason));
  error.reason = reason;
  error.stack = `${error.name}: ${reason?.stack ?? reason}`;
  giveUp("Unhandled Promise Rejection", error, REJECTION_EXIT);
});

findHandler().then(serve, async (error) => {
  log("Uncaught Exception", error);
  await postError("init/error", error);
  process.exit(rules === "callbacks" ? UNCAUGHT_EXIT : 1);
}).catch((error) => {
  // The server is gone, and with it the reason to live.
  process.stderr.write(`${error?.message}\n`);
  process.exit(1);
});
