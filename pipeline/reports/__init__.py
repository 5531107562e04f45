"""What people see of results: on the terminal, as plots, as a page."""

import lazy_loader

# Each needs torch, matplotlib or jinja2.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "agreement": ["print_agreement", "save_agreement"],
        "clips_csv": ["write_clips"],
        "comparison": ["print_comparisons", "show_comparisons"],
        "document": ["page_document"],
        "footage": ["Film", "moment_times", "moving", "picture"],
        "page": [
            "inside_script",
            "joined_script",
            "render_page",
            "report_script",
            "report_style",
            "write_report",
        ],
        "plots": ["agreement_figure", "routine_figure", "save_png", "save_routines"],
        "terminal": ["print_document", "print_json", "print_models", "show_result"],
        "training": ["save_plots", "show_calibrations", "show_table"],
        "truth": ["print_truth", "save_truth"],
    },
)
__all__ = [
    "Film",
    "agreement_figure",
    "inside_script",
    "joined_script",
    "moment_times",
    "moving",
    "page_document",
    "picture",
    "print_agreement",
    "print_comparisons",
    "print_document",
    "print_json",
    "print_models",
    "print_truth",
    "render_page",
    "report_script",
    "report_style",
    "routine_figure",
    "save_agreement",
    "save_plots",
    "save_png",
    "save_routines",
    "save_truth",
    "show_calibrations",
    "show_comparisons",
    "show_result",
    "show_table",
    "write_clips",
    "write_report",
]
