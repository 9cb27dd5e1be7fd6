"""``python -m benchmarks``. Processes that are started for a figure load this file: it loads nothing but when run."""

if __name__ == "__main__":
    from benchmarks.figures import main

    main()
