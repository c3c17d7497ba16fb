"""What the agent on a device raises: one error, with the code that goes back to the station. It explains nothing."""


class AgentError(Exception):
    """The agent cannot or may not go on. ``code`` is one of ``firmware_agent.wire``'s refusal codes.

    ``detail`` is the number that belongs to the code (an offset, a limit, a percentage), 0 where none does.
    """

    def __init__(self, code: int, detail: int = 0) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
