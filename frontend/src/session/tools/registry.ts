// Which kind of tool unfolds to what.

import { isSubAgent, isWriting } from "../tools.ts";
import { agentBody } from "./agent.ts";
import { planBody, questionBody } from "./asks.ts";
import type { Body } from "./body.ts";
import { commandBody, outputBody } from "./command.ts";
import { editBody } from "./edit.ts";
import { jsonBody } from "./other.ts";
import { readBody } from "./read.ts";
import { searchBody } from "./search.ts";
import { tasksBody } from "./tasks.ts";
import { webBody } from "./web.ts";

const BODIES: Record<string, Body> = {
  AskUserQuestion: questionBody, Bash: commandBody, ExitPlanMode: planBody, Glob: searchBody, Grep: searchBody, LS: searchBody, NotebookRead: readBody, Read: readBody,
  BashOutput: outputBody, KillShell: outputBody, TaskOutput: outputBody, TaskStop: outputBody, TodoWrite: tasksBody, WebFetch: webBody, WebSearch: webBody,
};

export function bodyOf(name: string): Body {
  if (isWriting(name)) return editBody;
  if (isSubAgent(name)) return agentBody;
  return (Object.hasOwn(BODIES, name) ? BODIES[name] : undefined) ?? jsonBody;
}
