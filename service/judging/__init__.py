"""Asks the language model about conflicts that code has proposed, many in one call, for advice.

    question    what is asked about a batch of pairs, and what of an answer is believed
    part        when it is asked, and what becomes of answers and of outages

The rule: the model judges what was proposed and nothing else. Its word is kept beside the pair
(`state.memory.judging`) and moves nothing: without it everything is as it is, only less explained.
"""
