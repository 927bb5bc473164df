"""The life of a TaskExecution, over all its attempts: decisions, no effects.

``manager`` drives one object of one attempt; here is decided what comes before and after it: which plugin, which paths,
whether its outputs make a success, whose budget a failure spends, whether there is another attempt, and when it is
over. :func:`.advance.advance` is the one way in; ``turns`` holds what one call of it knows and answers.
"""
