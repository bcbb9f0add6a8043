"""How a language model is asked: small layers over one protocol, each with one thing to decide.

The rule: whatever happens comes back as an `Answer`, and what was not answered is never done. The
SDK and tenacity are known in this package only, and the SDK is imported with the first call.
"""
